import { beforeAll, describe, expect, it } from 'vitest';
import { PictureRenderer } from '@gantry/coordinator';
import { applyStep, initialState, viewOf, type GradientEngine, type Program, type TrainingState } from '@gantry/core';
import { modelManifest } from '@gantry/core/tfjs';
import {
  FIXTURE,
  firstStepDeviations,
  fixtureInputs,
  fixtureWeights,
  gridNoise,
  largestError,
  norm,
  relativeError,
  type TensorSummary,
} from './keras-fixture.ts';

const manifest = modelManifest();

/** An engine, and the program that it runs. */
export interface Subject {
  readonly engine: () => GradientEngine | Promise<GradientEngine>;
  readonly program: Program;
}

async function loaded({ engine: make, program }: Subject): Promise<GradientEngine> {
  const engine = await make();
  await engine.load(program);
  return engine;
}

function expectWeights(state: TrainingState, expected: Readonly<Record<string, TensorSummary>>): void {
  for (const parameter of manifest.trainable) {
    const values = viewOf(state.weights, parameter);
    const summary = expected[parameter.name] as TensorSummary;
    expect(largestError(values, summary), parameter.name).toBeLessThanOrEqual(2e-6);
    expect(relativeError(norm(values), summary.l2), parameter.name).toBeLessThanOrEqual(1e-6);
  }
}

/** The losses and all gradients of the first step, from the same weights and inputs. */
export function agreesInTheFirstStep(name: string, subject: Subject): void {
  describe(`the first step with ${name}`, () => {
    let leaf: Float32Array;

    // The reference needs about 10 s per sample.
    beforeAll(async () => {
      const engine = await loaded(subject);
      await engine.setWeights(fixtureWeights(manifest));
      leaf = await engine.gradients(await fixtureInputs(0));
      await engine.dispose();
    }, 600_000);

    it('has the losses and gradients of Keras', () => {
      for (const { what, kind, error, bound } of firstStepDeviations(leaf, manifest)) {
        expect(error, `${what}, ${kind}`).toBeLessThanOrEqual(bound);
      }
    });
  });
}

/** Five steps with Adam, and the sample grid after them. */
export function followsForFiveSteps(name: string, subject: Subject): void {
  it(`follows Keras through five steps of Adam with ${name}`, async () => {
    const engine = await loaded(subject);
    const state: TrainingState = { ...initialState(manifest, 0), weights: fixtureWeights(manifest) };
    for (const [step, expected] of FIXTURE.steps.entries()) {
      await engine.setWeights(state.weights);
      const metrics = applyStep(state, await engine.gradients(await fixtureInputs(step)), manifest);
      expect(relativeError(metrics.generatorLoss, expected.generatorLoss)).toBeLessThanOrEqual(
        step === 0 ? 1e-6 : 1e-5,
      );
      expect(relativeError(metrics.discriminatorLoss, expected.discriminatorLoss)).toBeLessThanOrEqual(
        step === 0 ? 1e-6 : 1e-5,
      );
      if (step > 0) continue;
      expectWeights(state, expected.weightsAfterAdam);
      for (const parameter of manifest.movingStatistics) {
        const values = viewOf(state.movingStatistics, parameter);
        const summary = expected.movingStatistics[parameter.name] as TensorSummary;
        expect(largestError(values, summary), parameter.name).toBeLessThanOrEqual(2e-6);
        expect(relativeError(norm(values), summary.l2), parameter.name).toBeLessThanOrEqual(1e-6);
      }
    }
    expectWeights(state, FIXTURE.weightsAfter5Steps);
    await engine.dispose();

    const renderer = new PictureRenderer(manifest);
    const grid = await renderer.render(state, gridNoise());
    await renderer.dispose();
    expect(largestError(grid, FIXTURE.gridAfter5Steps)).toBeLessThanOrEqual(1e-4);
    expect(relativeError(norm(grid), FIXTURE.gridAfter5Steps.l2)).toBeLessThanOrEqual(1e-4);
  });
}

import { beforeAll, describe, expect, it } from 'vitest';
import { PictureRenderer } from '@gantry/coordinator';
import {
  applyStep,
  initialState,
  leafLayout,
  sumOf,
  viewOf,
  type GradientEngine,
  type Parameter,
  type Program,
  type TrainingState,
} from '@gantry/core';
import { parameterManifest } from '@gantry/core/tfjs';
import {
  FIXTURE,
  FIXTURE_SAMPLES,
  fixtureInputs,
  fixtureWeights,
  gridNoise,
  largestError,
  norm,
  type TensorSummary,
} from './keras-fixture.ts';

const manifest = parameterManifest();
const layout = leafLayout(manifest);
const [first] = FIXTURE.steps as [(typeof FIXTURE.steps)[0]];

/** An engine, and the program that it runs. */
export interface Subject {
  readonly engine: () => GradientEngine | Promise<GradientEngine>;
  readonly program: Program;
}

export function relativeError(actual: number, expected: number): number {
  return Math.abs(actual / expected - 1);
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

    it('has the losses of Keras', () => {
      for (const loss of ['generatorLoss', 'discriminatorLoss'] as const) {
        expect(relativeError(sumOf(leaf, layout, loss) / FIXTURE_SAMPLES, first[loss])).toBeLessThanOrEqual(1e-6);
      }
    });

    it.each(manifest.trainable)('has the gradient of Keras for $name', (parameter: Parameter) => {
      const gradient = viewOf(leaf, parameter).map((sum) => sum / FIXTURE_SAMPLES);
      const largest = gradient.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      const expected = first.gradients[parameter.name] as TensorSummary;
      expect(largestError(gradient, expected)).toBeLessThanOrEqual(1e-5 * largest);
      expect(relativeError(norm(gradient), expected.l2)).toBeLessThanOrEqual(1e-5);
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

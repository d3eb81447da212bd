import { beforeAll, describe, expect, it } from 'vitest';
import * as ort from '@gantry/compiler/onnx-runtime';
import { compileGenerator } from '@gantry/evaluation';
import {
  DEFAULT_OPTIMIZERS,
  Synchronous,
  initialState,
  viewOf,
  type GradientEngine,
  type Program,
  type TrainingState,
} from '@gantry/core';
import { manifestOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import {
  FIXTURE,
  FIXTURE_SAMPLES,
  firstStepDeviations,
  fixtureInputs,
  fixtureWeights,
  gridNoise,
  largestError,
  norm,
  relativeError,
  type TensorSummary,
} from './keras-fixture.ts';

const model = dcgan();
const manifest = manifestOf(model);
const GRID_PICTURES = 16;

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

/** What the compiled generator draws of noise [16,100]. */
async function picturesOf({ weights, movingStatistics }: TrainingState, noise: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(compileGenerator(model, GRID_PICTURES));
  const isAsked = ({ name }: { name: string }) => session.inputNames.includes(name);
  const feeds = [
    ...manifest.trainable.filter(isAsked).map((each) => ({ ...each, values: viewOf(weights, each) })),
    ...manifest.movingStatistics.filter(isAsked).map((each) => ({ ...each, values: viewOf(movingStatistics, each) })),
    { name: 'noise', shape: [GRID_PICTURES, noise.length / GRID_PICTURES], values: noise },
  ].map(({ name, shape, values }) => [name, new ort.Tensor('float32', values, shape)] as const);
  const { images } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return images?.data as Float32Array;
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
    const scheme = new Synchronous({
      manifest,
      seed: 0,
      plan: {
        images: FIXTURE_SAMPLES,
        epochs: FIXTURE.steps.length,
        batch: FIXTURE_SAMPLES,
        shardSize: FIXTURE_SAMPLES,
      },
      samples: FIXTURE_SAMPLES,
      optimizers: DEFAULT_OPTIMIZERS,
    });
    const state: TrainingState = { ...initialState(manifest, 0), weights: fixtureWeights(manifest) };
    for (const [step, expected] of FIXTURE.steps.entries()) {
      await engine.setWeights(state.weights);
      const [metrics = {}] = scheme.apply(state, step, await engine.gradients(await fixtureInputs(step)));
      expect(relativeError(metrics['generatorLoss'] ?? NaN, expected.generatorLoss)).toBeLessThanOrEqual(
        step === 0 ? 1e-6 : 1e-5,
      );
      expect(relativeError(metrics['discriminatorLoss'] ?? NaN, expected.discriminatorLoss)).toBeLessThanOrEqual(
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

    const grid = await picturesOf(state, gridNoise());
    expect(largestError(grid, FIXTURE.gridAfter5Steps)).toBeLessThanOrEqual(1e-4);
    expect(relativeError(norm(grid), FIXTURE.gridAfter5Steps.l2)).toBeLessThanOrEqual(1e-4);
  });
}

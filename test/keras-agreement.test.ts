import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { PictureRenderer, compileTraining } from '@gantry/coordinator';
import {
  applyStep,
  initialState,
  leafLayout,
  stepInputSpecs,
  sumOf,
  viewOf,
  type GradientEngine,
  type Parameter,
  type TrainingState,
} from '@gantry/core';
import { parameterManifest } from '@gantry/core/tfjs';
import { createEngine } from '@gantry/worker';
import {
  FIXTURE,
  FIXTURE_SAMPLES,
  fixtureInputs,
  fixtureWeights,
  gridNoise,
  largestError,
  norm,
  type TensorSummary,
} from './support/keras-fixture.ts';
import { isProvided } from './support/requirements.ts';
import { SOFTWARE_GPU, softwareGpuExists } from './support/software-gpu.ts';
import { wasmEngine } from './support/wasm-engine.ts';

const manifest = parameterManifest();
const layout = leafLayout(manifest);
const plan = { images: FIXTURE_SAMPLES, epochs: 1, batch: FIXTURE_SAMPLES, shardSize: FIXTURE_SAMPLES };
const spectral = compileTraining(plan, 0, 'spectral');
/** The engines and programs that have to agree with Keras. A batch as small as the fixture's is direct by default. */
const direct = compileTraining(plan, 0, 'direct');
const SUBJECTS = {
  tfjs: { engine: () => createEngine('tfjs'), program: spectral },
  'onnx, spectral convolutions': { engine: () => createEngine('onnx'), program: spectral },
  'onnx, direct convolutions': { engine: () => createEngine('onnx'), program: direct },
  'onnx on webgpu, direct convolutions': { engine: () => createEngine('onnx', 'webgpu'), program: direct },
  'onnx on wasm, spectral convolutions': { engine: wasmEngine, program: spectral },
  'onnx on wasm, direct convolutions': { engine: wasmEngine, program: direct },
} as const;
type Subject = keyof typeof SUBJECTS;
const ONNX_SUBJECTS = ['onnx, spectral convolutions', 'onnx, direct convolutions'] as const;
const WASM_SUBJECTS = ['onnx on wasm, spectral convolutions', 'onnx on wasm, direct convolutions'] as const;
/** A GPU made of software takes half a minute for a step. */
const WEBGPU_SUBJECTS = isProvided('webgpu', softwareGpuExists)
  ? (['onnx on webgpu, direct convolutions'] as const)
  : [];
Object.assign(process.env, SOFTWARE_GPU);
const [first] = FIXTURE.steps as [(typeof FIXTURE.steps)[0]];

function relativeError(actual: number, expected: number): number {
  return Math.abs(actual / expected - 1);
}

async function loaded(subject: Subject): Promise<GradientEngine> {
  const engine = await SUBJECTS[subject].engine();
  await engine.load(SUBJECTS[subject].program);
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

describe.each(['tfjs', ...ONNX_SUBJECTS, ...WASM_SUBJECTS, ...WEBGPU_SUBJECTS] as const)(
  'the first step with %s',
  (subject) => {
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
  },
);

it.each(ONNX_SUBJECTS)('has the logits and the pictures of Keras in the first step: %s', async (subject) => {
  const session = await ort.InferenceSession.create(SUBJECTS[subject].program.variants[0]?.onnx as Uint8Array);
  const weights = fixtureWeights(manifest);
  const { samples, ...inputs } = await fixtureInputs(0);
  const specs = stepInputSpecs(samples);
  const outputs = await session.run({
    ...Object.fromEntries(
      manifest.trainable.map((p) => [p.name, new ort.Tensor('float32', viewOf(weights, p), p.shape)]),
    ),
    images: new ort.Tensor('float32', inputs.images, specs.images.shape),
    noise: new ort.Tensor('float32', inputs.noise, specs.noise.shape),
    mask1: new ort.Tensor('bool', inputs.mask1, specs.mask1.shape),
    mask2: new ort.Tensor('bool', inputs.mask2, specs.mask2.shape),
  });
  for (const name of ['realLogits', 'fakeLogits'] as const) {
    const expected = first[name];
    const bound = 1e-5 * Math.max(...expected.map(Math.abs));
    const logits = outputs[name]?.data as Float32Array;
    expect(logits).toHaveLength(FIXTURE_SAMPLES);
    expected.forEach((logit, i) => expect(Math.abs((logits[i] ?? NaN) - logit)).toBeLessThanOrEqual(bound));
  }
  const fakes = outputs['fakes']?.data as Float32Array;
  expect(largestError(fakes, first.fake)).toBeLessThanOrEqual(1e-5);
  expect(relativeError(norm(fakes), first.fake.l2)).toBeLessThanOrEqual(1e-5);
});

it.each([...ONNX_SUBJECTS, ...WASM_SUBJECTS])('follows Keras through five steps of Adam with %s', async (subject) => {
  const engine = await loaded(subject);
  const state: TrainingState = { ...initialState(manifest, 0), weights: fixtureWeights(manifest) };
  for (const [step, expected] of FIXTURE.steps.entries()) {
    await engine.setWeights(state.weights);
    const metrics = applyStep(state, await engine.gradients(await fixtureInputs(step)), manifest);
    expect(relativeError(metrics.generatorLoss, expected.generatorLoss)).toBeLessThanOrEqual(step === 0 ? 1e-6 : 1e-5);
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

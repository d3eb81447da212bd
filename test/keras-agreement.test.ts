import { expect, it } from 'vitest';
import * as ort from '@gantry/compiler/onnx-runtime';
import { compileTraining } from '@gantry/coordinator';
import { inputSpecs, viewOf } from '@gantry/core';
import { manifestOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { createEngine } from '@gantry/worker';
import { agreesInTheFirstStep, followsForFiveSteps } from './support/keras-agreement.ts';
import {
  FIXTURE,
  FIXTURE_SAMPLES,
  fixtureInputs,
  fixtureWeights,
  largestError,
  norm,
  relativeError,
} from './support/keras-fixture.ts';
import { hasCCompiler } from './support/c-compiler.ts';
import { compileObservedStep } from './support/observed-step.ts';
import { isProvided } from './support/requirements.ts';
import { wasmEngine } from './support/wasm-engine.ts';

const model = dcgan();
const manifest = manifestOf(model);
const plan = { images: FIXTURE_SAMPLES, epochs: 1, batch: FIXTURE_SAMPLES, shardSize: FIXTURE_SAMPLES };
const spectral = compileTraining(model, plan, 0, 'spectral');
const direct = compileTraining(model, plan, 0, 'direct');
/**
 * The engines and programs that have to agree with Keras; WebGPU's are the subject of gpu-kit.test.ts, and those that run tfjs
 * itself, which takes minutes without TensorFlow's library, of tensorflow.test.ts. A batch as small as the fixture's is direct by
 * default.
 */
const SUBJECTS = {
  'native, spectral convolutions': { engine: () => createEngine('native'), program: spectral },
  'native, direct convolutions': { engine: () => createEngine('native'), program: direct },
  'onnx, spectral convolutions': { engine: () => createEngine('onnx'), program: spectral },
  'onnx, direct convolutions': { engine: () => createEngine('onnx'), program: direct },
  'onnx on wasm, spectral convolutions': { engine: wasmEngine, program: spectral },
  'onnx on wasm, direct convolutions': { engine: wasmEngine, program: direct },
} as const;
const NATIVE_SUBJECTS = isProvided('cc', hasCCompiler)
  ? (['native, spectral convolutions', 'native, direct convolutions'] as const)
  : [];
const ONNX_SUBJECTS = ['onnx, spectral convolutions', 'onnx, direct convolutions'] as const;
const FORMS = ['spectral', 'direct'] as const;
const WASM_SUBJECTS = ['onnx on wasm, spectral convolutions', 'onnx on wasm, direct convolutions'] as const;
const [first] = FIXTURE.steps as [(typeof FIXTURE.steps)[0]];

for (const name of [...NATIVE_SUBJECTS, ...ONNX_SUBJECTS, ...WASM_SUBJECTS]) {
  agreesInTheFirstStep(name, SUBJECTS[name]);
  followsForFiveSteps(name, SUBJECTS[name]);
}

it.each(FORMS)('has the logits and the pictures of Keras in the first step: onnx, %s convolutions', async (form) => {
  const session = await ort.InferenceSession.create(compileObservedStep(model, FIXTURE_SAMPLES, form));
  const weights = fixtureWeights(manifest);
  const { phase, samples, tensors } = await fixtureInputs(0);
  const specs = Object.entries(inputSpecs(phase, samples));
  const outputs = await session.run({
    ...Object.fromEntries(
      manifest.trainable.map((p) => [p.name, new ort.Tensor('float32', viewOf(weights, p), p.shape)]),
    ),
    ...Object.fromEntries(
      specs.map(([name, { shape, dtype }]) => [name, new ort.Tensor(dtype, tensors[name] as Float32Array, shape)]),
    ),
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

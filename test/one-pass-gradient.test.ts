import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compile } from '@gantry/compiler';
import * as ort from '@gantry/compiler/onnx-runtime';
import { batchInputs, gradientName, initialState, inputSpecs, phaseAt, sampleBytes, viewOf } from '@gantry/core';
import { manifestOf, modelVariables, type Network } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { compileObservedStep } from './support/observed-step.ts';

const SAMPLES = 8;
const model = dcgan();
const { generator, discriminator } = model.networks as Record<'generator' | 'discriminator', Network>;
const manifest = manifestOf(model);
const specs = inputSpecs(phaseAt(manifest, 0), SAMPLES);
const variables = modelVariables(model, true);
const options = {
  inputs: specs,
  variables: Object.fromEntries(variables.map(({ name, variable }) => [name, variable])),
};
const generatorVariables = variables.filter(({ name }) => name.startsWith('generator/'));

type Inputs = Record<string, tf.Tensor>;

/** The textbook generator step: its own forward pass, its own loss, its own backward pass. */
function twoPassGradients(inputs: Inputs): Record<string, tf.Tensor> {
  const masks = ['dropout1', 'dropout2'].map((layer) => {
    return tf.split(inputs[`discriminator/${layer}/mask`] as tf.Tensor, 2)[1] as tf.Tensor;
  });
  const { grads } = tf.variableGrads(
    () => {
      let x = generator.apply(inputs['noise'] as tf.Tensor, { training: true }) as tf.Tensor;
      for (const layer of discriminator.layers) {
        const mask = layer.getClassName() === 'Dropout' ? masks.shift() : undefined;
        x = mask ? tf.mul(x, tf.div(tf.cast(mask, 'float32'), 0.7)) : (layer.apply(x) as tf.Tensor);
      }
      return tf.sum<tf.Scalar>(tf.softplus(tf.neg(x)));
    },
    generatorVariables.map(({ variable }) => variable),
  );
  return Object.fromEntries(
    generatorVariables.map(({ name, variable }) => [gradientName(name), grads[variable.name] as tf.Tensor]),
  );
}

const onePass = await ort.InferenceSession.create(compileObservedStep(model, SAMPLES));
const twoPass = await ort.InferenceSession.create(
  compile((inputs) => twoPassGradients(inputs), {
    ...options,
    // Batch normalization in training mode assigns its moving statistics.
    variables: {
      ...options.variables,
      ...Object.fromEntries(
        generator.layers.flatMap((layer) =>
          layer.nonTrainableWeights.map((weight) => [weight.originalName, weight.read() as tf.Variable]),
        ),
      ),
    },
  }).onnx,
);

/** Runs both programs with the discriminator's last layer replaced by scale·kernel and the bias. */
async function gradientsWith(scale: number, bias: number) {
  const { weights } = initialState(manifest, 3);
  const data = Uint8Array.from({ length: SAMPLES * sampleBytes(manifest) }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const { tensors } = batchInputs({ step: 0, iteration: 0, first: 0, samples: SAMPLES }, data, manifest, 3);
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, { shape, dtype }] of Object.entries(specs)) {
    feeds[name] = new ort.Tensor(dtype, tensors[name] as Float32Array, shape);
  }
  for (const parameter of manifest.trainable) {
    const values = viewOf(weights, parameter);
    if (parameter.name === 'discriminator/dense/kernel') values.forEach((w, i) => (values[i] = w * scale));
    if (parameter.name === 'discriminator/dense/bias') values.fill(bias);
    feeds[parameter.name] = new ort.Tensor('float32', values, parameter.shape);
  }
  const run = async (session: ort.InferenceSession) => {
    const wanted = session.inputNames.filter((name) => !(name in feeds));
    const zeros = Object.fromEntries(
      wanted.map((name) => {
        const { shape } = session.inputMetadata.find((input) => input.name === name) as { shape: readonly number[] };
        return [name, new ort.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)];
      }),
    );
    const used = Object.fromEntries(
      Object.entries({ ...feeds, ...zeros }).filter(([name]) => session.inputNames.includes(name)),
    );
    return session.run(used);
  };
  return { one: await run(onePass), two: await run(twoPass) };
}

const valuesOf = (tensor: ort.Tensor | undefined) => tensor?.data as Float32Array;

describe('the generator gradient of the one-pass step', () => {
  it.each([
    ['ordinary logits', 1, 0, -1, 1],
    ['logits around −100', 1, -100, -102, -98],
    ['logits from below −100 to above 100', 3000, 0, -Infinity, Infinity],
  ])('equals that of two passes for %s', async (_, scale, bias, lowest, highest) => {
    const { one, two } = await gradientsWith(scale, bias);
    const logits = valuesOf(one['fakeLogits']);
    expect(Math.min(...logits)).toBeGreaterThan(lowest);
    expect(Math.max(...logits)).toBeLessThan(highest);
    if (scale > 1) {
      expect(Math.min(...logits)).toBeLessThan(-100);
      expect(Math.max(...logits)).toBeGreaterThan(100);
    }
    for (const { name } of generatorVariables) {
      const actual = valuesOf(one[gradientName(name)]);
      const expected = valuesOf(two[gradientName(name)]);
      const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      expect(largest).toBeGreaterThan(0);
      const difference = expected.reduce((max, x, i) => Math.max(max, Math.abs(x - (actual[i] ?? NaN))), 0);
      expect(difference / largest, name).toBeLessThanOrEqual(1e-5);
    }
  });

  it('vanishes like that of two passes for logits around 100', async () => {
    const { one, two } = await gradientsWith(1, 100);
    for (const { name } of generatorVariables) {
      for (const outputs of [one, two]) {
        const largest = valuesOf(outputs[gradientName(name)]).reduce((max, x) => Math.max(max, Math.abs(x)), 0);
        expect(largest, name).toBeLessThan(1e-38);
      }
    }
  });
});

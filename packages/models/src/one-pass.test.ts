import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { disposeModel, manifestOf, runPhase, type Model, type NetworkInTraining } from '@gantry/core/tfjs';
import * as losses from './losses.ts';
import { onePassStep, type GanLoss } from './one-pass.ts';
import { gradientsOf } from './testing/critic-model.ts';

const { batchNormalization } = layers.layers;

/** With the same weights in each run of the test. */
const dense = (args: Parameters<typeof layers.layers.dense>[0]) =>
  layers.layers.dense({ kernelInitializer: layers.initializers.glorotUniform({ seed: args.units }), ...args });

/** A discriminator whose logits begin around a bias, which decides where a loss is flat. */
function modelOf(loss: GanLoss, bias: number, extra: layers.layers.Layer[] = []): Model {
  return {
    name: 'm',
    networks: {
      generator: layers.sequential({
        name: 'generator',
        layers: [dense({ name: 'dense', units: 3, inputShape: [2] })],
      }),
      discriminator: layers.sequential({
        name: 'discriminator',
        layers: [
          dense({ name: 'dense', units: 4, activation: 'tanh', inputShape: [3] }),
          ...extra,
          dense({ name: 'last', units: 1, biasInitializer: layers.initializers.constant({ value: bias }) }),
        ],
      }),
    },
    data: { images: [3] },
    draws: { noise: { from: 'normal', shape: [2] } },
    phases: [onePassStep(loss)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

const inputsOf = () => ({
  images: tf.tensor2d(
    Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [4, 3],
  ),
  noise: tf.tensor2d(
    Array.from({ length: 8 }, (_, i) => Math.cos(3 * i)),
    [4, 2],
  ),
});

const numbersOf = (tensors: Readonly<Record<string, tf.Tensor>>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [...tensor.dataSync()]]));

/** The gradients of both losses, each by a backward pass of its own. */
function separately(model: Model, { real, fake, generator: made }: GanLoss): Record<string, number[]> {
  const apply = (name: string, x: tf.Tensor) => model.networks[name]?.apply(x) as tf.Tensor;
  const variablesOf = (name: string) => ({
    variables: (model.networks[name]?.trainableWeights ?? []).map((weight) => ({
      name: `gradient/${name}/${weight.originalName}`,
      variable: weight.read() as tf.Variable,
    })),
  });
  return tf.tidy(() => {
    const { images, noise } = inputsOf();
    const fakeLogits = () => apply('discriminator', apply('generator', noise));
    return numbersOf({
      ...gradientsOf(variablesOf('discriminator') satisfies Pick<NetworkInTraining, 'variables'>, () =>
        tf.add(tf.sum(real.loss(apply('discriminator', images))), tf.sum(fake.loss(fakeLogits()))),
      ),
      ...gradientsOf(variablesOf('generator'), () => tf.sum(made.loss(fakeLogits()))),
    });
  });
}

describe('one backward pass', () => {
  const all = Object.entries(losses as Record<string, GanLoss>);

  it.each(all.flatMap(([name, loss]) => [-30, -3, -1, 0, 3, 30].map((bias) => [name, bias, loss] as const)))(
    'gives the gradients of both losses: %s around %d',
    (_, bias, loss) => {
      const model = modelOf(loss, bias);
      const [phase] = model.phases;
      if (!phase) throw new Error('a phase was expected');
      const outputs = tf.tidy(() => numbersOf(runPhase(model, phase, inputsOf())));
      const expected = separately(model, loss);
      disposeModel(model);
      expect(Object.keys(expected)).toHaveLength(6);
      for (const [name, values] of Object.entries(expected)) {
        const largest = Math.max(...values.map(Math.abs));
        values.forEach((value, i) => {
          const difference = Math.abs((outputs[name]?.[i] ?? NaN) - value);
          expect(difference).toBeLessThanOrEqual(2e-5 * largest + 2 ** -56);
        });
      }
    },
  );

  it('is refused where the discriminator couples samples', () => {
    const model = modelOf(losses.crossEntropy, 0, [batchNormalization({ name: 'x' })]);
    expect(() => manifestOf(model)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringMatching(/layer discriminator\/x .*must not couple samples/),
      }),
    );
    disposeModel(model);
  });
});

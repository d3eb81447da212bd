import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { afterEach, describe, expect, it } from 'vitest';
import { ASSIGNED_SUFFIX, compile } from './index.ts';
import { expectSameAsTfjs, input, run, specsOf, tensor4d, type Tensors, values } from './testing/oracle.ts';

const variables: tf.Variable[] = [];
function variable(initial: tf.Tensor): tf.Variable {
  const created = tf.variable(initial);
  variables.push(created);
  return created;
}

afterEach(() => {
  tf.dispose(variables.splice(0));
});

/** tf.variableGrads of `loss`, by the variables' names in the program. */
function gradients(loss: () => tf.Tensor, of: Record<string, tf.Variable>): Tensors {
  const { value, grads } = tf.variableGrads(() => tf.sum<tf.Scalar>(loss()), Object.values(of));
  const entries = Object.entries(of).map(([name, { name: tfName }]) => [`d/${name}`, grads[tfName] ?? value] as const);
  return { value, ...Object.fromEntries(entries) };
}

describe('functions with variables', () => {
  it('give the gradients of a convolutional network with batch normalisation', async () => {
    const weights = {
      kernel: variable(values([3, 3, 2, 8])),
      gamma: variable(values([8], { low: 0.5, high: 1.5 })),
      beta: variable(values([8])),
      transposed: variable(values([4, 4, 3, 8])),
      dense: variable(values([6 * 6 * 3, 2])),
      bias: variable(values([2])),
    };
    const network = (inputs: Tensors) => {
      let y: tf.Tensor = tf.conv2d(tensor4d(input(inputs, 'x')), tensor4d(weights.kernel), 2, 'same'); // [4, 3, 3, 8]
      const { mean, variance } = tf.moments(y, [0, 1, 2]);
      y = tf.mul(tf.sub(y, mean), tf.mul(weights.gamma, tf.rsqrt(tf.add(variance, 1e-3))));
      y = tf.mul(tf.leakyRelu(tf.add(y, weights.beta), 0.3), tf.mul(tf.cast(input(inputs, 'mask'), 'float32'), 2));
      y = tf.conv2dTranspose(tensor4d(y), tensor4d(weights.transposed), [4, 6, 6, 3], 2, 'same');
      y = tf.reshape(tf.tanh(y), [4, 6 * 6 * 3]); // [4, 108]
      return tf.softplus(tf.add(tf.matMul(y, weights.dense), weights.bias));
    };
    await expectSameAsTfjs(
      (inputs) => gradients(() => network(inputs), weights),
      { x: values([4, 6, 6, 2]), mask: tf.greater(values([4, 3, 3, 8], { seed: 7 }), 0) },
      weights,
    );
  });

  it('honour customGrad, with saved tensors', async () => {
    const w = variable(values([3, 2]));
    const x10 = tf.customGrad((x, save) => {
      if (!(x instanceof tf.Tensor) || typeof save !== 'function') throw new Error('unexpected arguments');
      save([x]);
      return {
        value: tf.clone(x),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.mul(dy, 10), tf.addN(saved)),
      };
    });
    const fn = (inputs: Tensors) => gradients(() => x10(tf.matMul(input(inputs, 'x'), w)), { w });
    await expectSameAsTfjs(fn, { x: values([4, 3]) }, { w });
  });

  it('give new values of assigned variables as outputs, and leave the variables alone', async () => {
    const average = variable(values([3]));
    const untouched = variable(values([3], { seed: 2 }));
    const before = average.dataSync();
    const inputs = { x: values([3], { seed: 3 }) };
    const program = compile(
      (tensors) => {
        average.assign(tf.add(tf.mul(average, 0.75), tf.mul(input(tensors, 'x'), 0.25)));
        return { sum: tf.add(average, untouched) };
      },
      { inputs: specsOf(inputs), variables: { average, untouched } },
    );
    expect(program.inputs.map(({ name }) => name)).toEqual(['x', 'average', 'untouched']);
    expect(program.outputs.map(({ name }) => name)).toEqual(['sum', `average${ASSIGNED_SUFFIX}`]);
    expect(average.dataSync()).toEqual(before);

    const results = await run(program, { ...inputs, average, untouched });
    const assigned = tf.add(tf.mul(average, 0.75), tf.mul(inputs.x, 0.25));
    expect(results[`average${ASSIGNED_SUFFIX}`]?.data).toEqual(assigned.dataSync());
    expect(results['sum']?.data).toEqual(tf.add(assigned, untouched).dataSync());
  });

  it('read a variable again after assigning it', async () => {
    const counter = variable(tf.scalar(1));
    const program = compile(
      () => {
        for (let i = 0; i < 3; i++) counter.assign(tf.mul(tf.add(counter, 1), 2));
        return {};
      },
      { inputs: {}, variables: { counter } },
    );
    const results = await run(program, { counter });
    expect(results[`counter${ASSIGNED_SUFFIX}`]?.data).toEqual(Float32Array.of(22)); // 1 → 4 → 10 → 22
  });

  it('do not read the variables while compiling', async () => {
    const w = variable(tf.scalar(3));
    const program = compile((inputs) => ({ y: tf.mul(input(inputs, 'x'), w) }), {
      inputs: { x: { shape: [1] } },
      variables: { w },
    });
    w.assign(tf.scalar(5));
    const results = await run(program, { x: tf.tensor([2]), w });
    expect(results['y']?.data).toEqual(Float32Array.of(10));
  });
});

/** What a layer returns for one tensor. */
const single = (y: tf.Tensor | tf.Tensor[] | layers.SymbolicTensor | layers.SymbolicTensor[]) => {
  if (!(y instanceof tf.Tensor)) throw new Error('not one tensor');
  return { y };
};

describe('tf.layers models', () => {
  it('run a DCGAN generator in inference mode', async () => {
    const model = layers.sequential({
      layers: [
        layers.layers.dense({ units: 3 * 3 * 8, useBias: false, inputShape: [5] }),
        layers.layers.batchNormalization({ momentum: 0.99, epsilon: 1e-3 }),
        layers.layers.leakyReLU({ alpha: 0.3 }),
        layers.layers.reshape({ targetShape: [3, 3, 8] }),
        layers.layers.conv2dTranspose({ filters: 8, kernelSize: 5, padding: 'same', useBias: false }),
        layers.layers.batchNormalization({ momentum: 0.99, epsilon: 1e-3 }),
        layers.layers.leakyReLU({ alpha: 0.3 }),
        layers.layers.conv2dTranspose({ filters: 1, kernelSize: 5, strides: 2, padding: 'same', activation: 'tanh' }),
        layers.layers.conv2d({ filters: 2, kernelSize: 3, activation: 'relu' }),
        layers.layers.flatten(),
        layers.layers.dense({ units: 3, activation: 'sigmoid' }),
      ],
    });
    model.setWeights(model.getWeights().map((weight, i) => values(weight.shape, { low: 0.1, high: 0.9, seed: i + 1 })));
    const weights = Object.fromEntries(
      model.weights.map((weight) => {
        const value = weight.read();
        if (!(value instanceof tf.Variable)) throw new Error(`${weight.name} is no variable`);
        return [weight.name, value];
      }),
    );
    const inputs = { noise: values([4, 5]) };
    await expectSameAsTfjs((tensors) => single(model.predict(input(tensors, 'noise'))), inputs, weights);
    await expectSameAsTfjs((tensors) => single(model.apply(input(tensors, 'noise'))), inputs, weights);
    model.dispose();
  });
});

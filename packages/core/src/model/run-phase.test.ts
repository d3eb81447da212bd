import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { manifestOf } from './describe-model.ts';
import type { Model, NetworkInTraining, Phase } from './model.ts';
import { disposeModel } from './model.ts';
import { runPhase } from './run-phase.ts';
import '../tfjs.ts';

const { batchNormalization, dense, dropout } = layers.layers;
const RATE = 0.5;

const network = layers.sequential({
  name: 'net',
  layers: [
    batchNormalization({ name: 'bn', inputShape: [2] }),
    dropout({ name: 'drop', rate: RATE }),
    dense({ name: 'dense', units: 1, useBias: false }),
  ],
});
const other = layers.sequential({ name: 'other', layers: [dense({ name: 'dense', units: 1, inputShape: [2] })] });

/** A phase that sends the rows of x through the network, so many at a time; `give` chooses what it forgets. */
function phaseOf(rows: readonly number[], give: { loss?: boolean; kernel?: boolean } = {}): Phase {
  return {
    name: 'apply',
    updates: ['net'],
    batchesThrough: { net: 2 },
    reports: [{ name: 'loss', chart: 'Loss', label: 'loss' }],
    gradients: (networks, inputs) => {
      const net = networks['net'] as NetworkInTraining;
      const x = inputs['x'] as tf.Tensor;
      let first = 0;
      const { value, grads } = tf.variableGrads(
        () => {
          const sums = rows.map((count) => {
            const part = tf.slice(x, [first], [count]);
            first += count;
            return tf.sum(net.apply(part));
          });
          return tf.addN(sums) as tf.Scalar;
        },
        net.variables.map(({ variable }) => variable),
      );
      const all = net.variables.map(({ name, variable }) => [name, grads[variable.name] as tf.Tensor] as const);
      return {
        gradients: Object.fromEntries(all.filter(([name]) => give.kernel !== false || name !== 'net/dense/kernel')),
        sums: give.loss === false ? {} : { loss: value },
      };
    },
  };
}

function modelOf(phase: Phase): Model {
  return {
    name: 'm',
    networks: { net: network, other },
    data: { x: [2] },
    draws: {},
    phases: [phase],
    preview: { draw: 'x', network: 'net' },
  };
}
afterAll(() => disposeModel(modelOf(phaseOf([1]))));

const mask = (rows: number, seed: number) =>
  tf.tensor(
    Array.from({ length: 2 * rows }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 31 ? 1 : 0)),
    [rows, 2],
    'bool',
  );
const numbers = (rows: number, seed: number) =>
  tf.tensor(
    Array.from({ length: 2 * rows }, (_, i) => Math.sin(7 * i + seed)),
    [rows, 2],
  );

/** Runs the phase; its outputs as numbers. */
function run(phase: Phase, inputs: Readonly<Record<string, tf.Tensor>>): Record<string, readonly number[]> {
  const outputs = tf.tidy(() => runPhase(modelOf(phase), phase, inputs));
  const values = Object.entries(outputs).map(([name, tensor]) => [name, [...tensor.dataSync()]] as const);
  tf.dispose(outputs);
  return Object.fromEntries(values);
}

function refusalOf(phase: Phase, inputs: Readonly<Record<string, tf.Tensor>>): unknown {
  try {
    run(phase, inputs);
  } catch (error) {
    return error;
  }
  return undefined;
}

const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

describe('a network that is applied several times', () => {
  it('takes the next rows of its masks each time, and reports the means of its statistics', () => {
    fc.assert(
      fc.property(cuts, fc.nat(1000), (rows, seed) => {
        const total = rows.reduce((sum, count) => sum + count, 0);
        const [x, keep] = [numbers(total, seed), mask(total, seed)];
        const outputs = run(phaseOf(rows), { x, 'net/drop/mask': keep });
        let first = 0;
        const alone = rows.map((count) => {
          const [part, kept] = [tf.slice(x, [first], [count]), tf.slice(keep, [first], [count])];
          first += count;
          const each = run(phaseOf([count]), { x: part, 'net/drop/mask': kept });
          tf.dispose([part, kept]);
          return each;
        });
        tf.dispose([x, keep]);
        expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(alone[0] ?? {}).toSorted());
        for (const [name, values] of Object.entries(outputs)) {
          const isStatistic = name.startsWith('net/bn/moving');
          values.forEach((value, i) => {
            const sum = alone.reduce((all, each) => all + (each[name]?.[i] ?? NaN), 0);
            expect(value).toBeCloseTo(isStatistic ? sum / rows.length : sum, 4);
          });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('leaves no tensors behind, whether or not it succeeds', () => {
    const [x, keep] = [numbers(7, 1), mask(6, 1)];
    const inputs = { x, 'net/drop/mask': keep };
    run(phaseOf([6]), inputs);
    const before = tf.memory().numTensors;
    run(phaseOf([6]), inputs);
    expect(tf.memory().numTensors).toBe(before);
    run(phaseOf([2, 4]), inputs);
    expect(tf.memory().numTensors).toBe(before);
    for (const phase of [phaseOf([6], { loss: false }), phaseOf([2, 4], { kernel: false })]) {
      expect(refusalOf(phase, inputs)).toMatchObject({ code: 'E_CONFIG' });
      expect(tf.memory().numTensors).toBe(before);
    }
    tf.dispose(inputs);
  });
});

describe('a second derivative', () => {
  /** The gradient of a gradient, of pooling with these strides. */
  function penalty(strides: number): () => unknown {
    const pool = layers.layers.maxPooling2d({ name: 'pool', poolSize: 2, strides, inputShape: [4, 4, 1] });
    const pooled = layers.sequential({
      name: 'net',
      layers: [
        layers.layers.conv2d({ name: 'conv', filters: 1, kernelSize: 1, inputShape: [4, 4, 1] }),
        pool,
        layers.layers.flatten({ name: 'flat' }),
        dense({ name: 'dense', units: 1 }),
      ],
    });
    const phase: Phase = {
      name: 'penalty',
      updates: ['net'],
      reports: [],
      gradients: (networks, { x }) => {
        const net = networks['net'] as NetworkInTraining;
        const of = (at: tf.Tensor) => tf.sum(net.apply(at));
        const { grads } = tf.variableGrads(
          () => tf.sum<tf.Scalar>(tf.square(tf.grad(of)(x as tf.Tensor))),
          net.variables.map(({ variable }) => variable),
        );
        const all = net.variables.map(({ name, variable }) => {
          return [name, grads[variable.name] ?? tf.zeros(variable.shape)] as const;
        });
        return { gradients: Object.fromEntries(all), sums: {} };
      },
    };
    const model: Model = { ...modelOf(phase), networks: { net: pooled }, data: { x: [4, 4, 1] } };
    return () => {
      const x = tf.tensor(
        Float32Array.from({ length: 16 }, (_, i) => Math.sin(3 * i)),
        [1, 4, 4, 1],
      );
      try {
        tf.dispose(tf.tidy(() => runPhase(model, phase, { x })));
      } finally {
        x.dispose();
        disposeModel(model);
      }
    };
  }

  it('of windows that overlap is refused by the layer', () => {
    expect(penalty(2)).not.toThrow();
    expect(penalty(1)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message:
          'layer net/pool (MaxPooling2D): it has no second derivative, which phase penalty takes: ' +
          'use strides as large as its poolSize, or AveragePooling2D instead',
      }),
    );
  });
});

describe('a phase is refused, by its name and what is wrong, for', () => {
  it.each<[string, Phase, RegExp]>([
    ['more rows than it promises', phaseOf([3, 4]), /phase apply: more rows go through net .*batchesThrough.*\(6\)/],
    ['a gradient that is missing', phaseOf([6], { kernel: false }), /phase apply gives no gradient for net\/dense\/k/],
    ['a sum that is missing', phaseOf([6], { loss: false }), /phase apply gives no sum loss/],
  ])('%s', (_, phase, message) => {
    const inputs = { x: numbers(7, 1), 'net/drop/mask': mask(6, 1) };
    const expected = { name: 'GantryError', code: 'E_CONFIG', message: expect.stringMatching(message) };
    expect(refusalOf(phase, inputs)).toMatchObject(expected);
    tf.dispose(inputs);
  });

  it.each<[string, Partial<Phase>, RegExp]>([
    ['updating what is no network', { updates: ['net', 'none'] }, /phase apply: there is no network 'none'/],
    ['batches through what is none', { batchesThrough: { none: 2 } }, /phase apply: there is no network 'none'/],
  ])('%s', (_, change, message) => {
    const phase = { ...phaseOf([6]), ...change };
    expect(() => manifestOf(modelOf(phase))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringMatching(message) }),
    );
  });
});

import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { compile, type CompiledProgram } from './index.ts';
import { compileNative } from './native/program.ts';
import { expectSameAsTfjs, hasCCompiler, input, specsOf, type Tensors, values } from './testing/oracle.ts';

const size = (max: number) => fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max }));

/** Sizes on both sides of a vector, a tile and a panel. */
const products = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  m: size(40),
  k: fc.oneof(size(40), fc.integer({ min: 250, max: 520 })),
  n: size(80),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
  shareB: fc.boolean(),
});

const reductions = fc
  .record({
    shape: fc.array(size(9), { minLength: 1, maxLength: 3 }),
    // Longer than a block of sums, and than a chunk of what is added to one.
    long: fc.constantFrom(1, 70, 1100),
    keep: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fn: fc.constantFrom(tf.sum, tf.mean, tf.max, tf.min),
  })
  .map(({ shape, long, keep, fn }) => ({
    fn,
    shape: [...shape, long],
    axes: [...shape, long].flatMap((_, axis) => (keep[axis] ? [] : [axis])),
  }));

/** x + 1 of five numbers. */
const increment: CompiledProgram = compile(({ x }) => ({ y: tf.add(x as tf.Tensor, 1) }), {
  inputs: { x: { shape: [5] } },
});

// There is nothing to test where there is no C compiler.
describe.skipIf(!hasCCompiler)(`machine code${hasCCompiler ? '' : ' (skipped: no C compiler)'}`, () => {
  it('multiplies matrices of any shape and layout', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(products, { minLength: 8, maxLength: 8 }), async (cases) => {
        const inputs = Object.fromEntries(
          cases.flatMap(({ batch, m, k, n, transposeA, transposeB, shareB }, i) => [
            [`a${i}`, values(transposeA ? [batch, k, m] : [batch, m, k], { seed: i + 1 })],
            [`b${i}`, values([shareB ? 1 : batch, ...(transposeB ? [n, k] : [k, n])], { seed: i + 100 })],
          ]),
        );
        await expectSameAsTfjs(
          (tensors) =>
            Object.fromEntries(
              cases.map(({ transposeA, transposeB }, i) => {
                return [`y${i}`, tf.matMul(input(tensors, `a${i}`), input(tensors, `b${i}`), transposeA, transposeB)];
              }),
            ),
          inputs,
        );
      }),
      { numRuns: 10, seed: 42 },
    );
  });

  it('multiplies parts of tensors where they are', async () => {
    const fn = (tensors: Tensors): Tensors => {
      const part = tf.slice(input(tensors, 'x'), [1, 2, 3], [4, 4, 5]);
      return {
        rows: tf.matMul(part, tf.ones([1, 5, 3])),
        columns: tf.matMul(part, tf.ones([1, 4, 3]), true),
        sums: tf.matMul(part, tf.ones([1, 5, 1])),
        sumsOfColumns: tf.matMul(part, tf.ones([1, 4, 1]), true),
        dot: tf.matMul(tf.slice(part, [0, 0, 2], [4, 4, 1]), tf.slice(part, [0, 0, 1], [4, 4, 1]), true),
      };
    };
    await expectSameAsTfjs(fn, { x: values([6, 7, 8]) });
  });

  it('reduces any axes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(reductions, { minLength: 8, maxLength: 8 }), async (cases) => {
        // All positive: where sums cancel, rounding is all that is left.
        const inputs = Object.fromEntries(
          cases.map(({ shape }, i) => [`x${i}`, values(shape, { low: 0.1, seed: i + 1 })]),
        );
        await expectSameAsTfjs(
          (tensors) => Object.fromEntries(cases.map(({ fn, axes }, i) => [`y${i}`, fn(input(tensors, `x${i}`), axes)])),
          inputs,
        );
      }),
      { numRuns: 10, seed: 42 },
    );
  });

  it('lets NaN through wherever it comes from', async () => {
    const x = tf.tensor([1, NaN, -1, NaN]);
    const fn = (tensors: Tensors): Tensors => {
      const [first, second] = [input(tensors, 'x'), tf.ones([4])];
      return {
        clip: tf.clipByValue(first, -0.5, 0.5),
        relu: tf.relu(first),
        leaky: tf.leakyRelu(first, 0.3),
        left: tf.maximum(first, second),
        right: tf.minimum(second, first),
        largest: tf.max(first),
        product: tf.matMul(tf.reshape(first, [2, 2]), tf.ones([2, 3])),
      };
    };
    const program = compile(fn, { inputs: specsOf({ x }) });
    const names = program.outputs.map(({ name }) => name);
    const native = await compileNative(program.onnx, names);
    const outputs = program.outputs.map(({ shape }) => new Float32Array(tf.util.sizeFromShape([...shape])));
    native.run(new Uint8Array(native.scratchBytes), [Float32Array.from(x.dataSync())], outputs);
    const isNaNs = Object.fromEntries(names.map((name, i) => [name, [...(outputs[i] ?? [])].map(Number.isNaN)]));
    const each = [false, true, false, true];
    expect(isNaNs).toEqual({
      clip: each,
      relu: each,
      leaky: each,
      left: each,
      right: each,
      largest: [true],
      product: Array<boolean>(6).fill(true),
    });
  });

  it('computes from shared memory and into parts of arrays, whatever its scratch memory holds', async () => {
    const native = await compileNative(increment.onnx, ['y']);
    const x = new Float32Array(new SharedArrayBuffer(40)).subarray(2, 7);
    x.set([1, 2, 3, 4, 5]);
    const y = new Float32Array(7);
    native.run(new Uint8Array(native.scratchBytes).fill(255), [x], [y.subarray(1, 6)]);
    expect([...y]).toEqual([0, 2, 3, 4, 5, 6, 0]);
  });

  it('refuses arrays that are too short, and whatever is none', async () => {
    const native = await compileNative(increment.onnx, ['y']);
    const scratch = new Uint8Array(native.scratchBytes);
    const five = new Float32Array(5);
    const cases = [
      [scratch, [new Float32Array(4)], [five]],
      [scratch, [five], [new Float32Array(4)]],
      [scratch, [five], []],
      [scratch.subarray(1), [five], [five]],
      [scratch, [[1, 2, 3, 4, 5] as unknown as Float32Array], [five]],
    ] as const;
    for (const [memory, inputs, outputs] of cases)
      expect(() => native.run(memory, inputs, outputs)).toThrow(RangeError);
  });

  it('compiles a program once', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gantry-cache-'));
    vi.stubEnv('XDG_CACHE_HOME', folder);
    try {
      await Promise.all([compileNative(increment.onnx, ['y']), compileNative(increment.onnx, ['y'])]);
      const files = () => readdirSync(path.join(folder, 'gantry'));
      expect(files()).toHaveLength(1);
      vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
      await compileNative(increment.onnx, ['y']);
      expect(files()).toHaveLength(1);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('says which compiler is missing or does not work', async () => {
    try {
      vi.stubEnv('CC', 'no-such-compiler');
      await expect(compileNative(increment.onnx, ['y'])).rejects.toThrow(
        /^the C compiler no-such-compiler is not installed: install gcc or clang$/,
      );
      vi.stubEnv('CC', 'false');
      await expect(compileNative(increment.onnx, ['y'])).rejects.toThrow(/^the C compiler false failed: 1$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('models that are no programs of this compiler', () => {
  /** The model of `increment` with other words in it, of the same length. */
  const changed = (from: string, to: string): Uint8Array =>
    Buffer.from(Buffer.from(increment.onnx).toString('latin1').replaceAll(from, to), 'latin1');

  it.each<[string, Uint8Array, RegExp]>([
    ['bytes of something else', Uint8Array.of(1, 2, 3), /^these bytes are no ONNX model$/],
    ['an unknown operator', changed('Add', 'Gru'), /^the operator Gru$/],
    ['too many inputs', changed('Add', 'Abs'), /^Abs of 2 inputs$/],
    // The size of the input: 5 as a varint in a dimension of a shape.
    ['an empty input', changed('\x0a\x02\x08\x05', '\x0a\x02\x08\x00'), /^an input 'x' of shape \[0\]$/],
  ])('are refused: %s', async (_, onnx, message) => {
    await expect(compileNative(onnx, ['y'])).rejects.toThrow(message);
  });

  it('are refused without the output that is wanted', async () => {
    await expect(compileNative(increment.onnx, ['z'])).rejects.toThrow(/^the model has no output 'z'$/);
  });
});

import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ATTRIBUTE_TYPE, encodeModel, type AttributeProto } from './emit/model-file.ts';
import { compile, type CompiledProgram } from './index.ts';
import { compileNative } from './native/program.ts';
import { expectSameAsTfjs, hasCCompiler, input, specsOf, type Tensors, values } from './testing/oracle.ts';

const size = (max: number) => fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max }));

/** Sizes on both sides of a vector, a tile and a panel. */
const products = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  m: size(40),
  k: fc.oneof(size(40), fc.integer({ min: 250, max: 520 })),
  n: fc.oneof(size(80), fc.integer({ min: 380, max: 700 })),
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

  it('compiles a program once, and once more where what it finds is damaged', async () => {
    const folder = (name: string) => path.join(mkdtempSync(path.join(tmpdir(), 'gantry-cache-')), name);
    const filesIn = (cache: string) =>
      readdirSync(path.join(cache, 'gantry')).map((name) => path.join(cache, 'gantry', name));
    const [first, second] = [folder('a'), folder('b')];
    try {
      vi.stubEnv('XDG_CACHE_HOME', first);
      await Promise.all([compileNative(increment.onnx, ['y']), compileNative(increment.onnx, ['y'])]);
      const [file = ''] = filesIn(first);
      const { ino } = statSync(file);
      await compileNative(increment.onnx, ['y']);
      expect(filesIn(first)).toEqual([file]);
      expect(statSync(file).ino).toBe(ino);

      // In a copy: this process has loaded the other one.
      const copy = path.join(second, 'gantry', path.basename(file));
      const program = readFileSync(file);
      const middle = program.length >> 1;
      program.writeUInt8(program.readUInt8(middle) ^ 1, middle);
      mkdirSync(path.dirname(copy), { recursive: true, mode: 0o700 });
      writeFileSync(copy, program);
      vi.stubEnv('XDG_CACHE_HOME', second);
      const healed = await compileNative(increment.onnx, ['y']);
      const y = new Float32Array(5);
      healed.run(new Uint8Array(healed.scratchBytes), [Float32Array.of(1, 2, 3, 4, 5)], [y]);
      expect([...y]).toEqual([2, 3, 4, 5, 6]);
      // Nothing of the damaged one is left.
      const kept = filesIn(second).map((each) => readFileSync(each));
      expect(kept).toEqual([readFileSync(file)]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('takes no code from a folder in which others may write', async () => {
    const cache = mkdtempSync(path.join(tmpdir(), 'gantry-cache-'));
    mkdirSync(path.join(cache, 'gantry'));
    chmodSync(path.join(cache, 'gantry'), 0o777);
    try {
      vi.stubEnv('XDG_CACHE_HOME', cache);
      await expect(compileNative(increment.onnx, ['y'])).rejects.toThrow(/^others may write to .*: fix that$/);
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

/** A model of one node, y, with an input x [2,3] and constants: arrays of int64, and scalars of float32. */
function modelOf(
  opType: string,
  operands: readonly string[],
  {
    constants = {},
    attribute = [],
  }: { constants?: Record<string, readonly number[] | number>; attribute?: AttributeProto[] } = {},
  shape: readonly number[] = [2, 3],
): Uint8Array {
  const initializer = Object.entries(constants).map(([name, value]) => {
    if (typeof value === 'number')
      return { name, dims: [], dataType: 1, rawData: new Uint8Array(Float32Array.of(value).buffer) };
    return {
      name,
      dims: [value.length],
      dataType: 7,
      rawData: new Uint8Array(BigInt64Array.from(value, BigInt).buffer),
    };
  });
  return encodeModel({
    node: [{ opType, input: operands, output: ['y'], attribute }],
    initializer,
    input: [{ name: 'x', elemType: 1, shape }],
    output: [{ name: 'y', elemType: 1, shape }],
  });
}

const ints = (name: string, numbers: number[]) => ({ name, type: ATTRIBUTE_TYPE.ints, ints: numbers });
const int = (name: string, i: number) => ({ name, type: ATTRIBUTE_TYPE.int, i });

const NOT_OURS = /^an ONNX model that is not written as Gantry writes them$/;

// Memory is planned by the shapes that follow from a model: whatever is wrong in it must not become a program.
describe('models that are no programs of this compiler', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['bytes of something else', Uint8Array.of(1, 2, 3), NOT_OURS],
    ['nothing', new Uint8Array(), NOT_OURS],
    ['an unknown operator', modelOf('Einsum', ['x']), /^the operator Einsum$/],
    ['an input that is nowhere', modelOf('Neg', ['z']), /^Neg without input 0$/],
    ['too many inputs', modelOf('Neg', ['x', 'x']), /^Neg of 2 inputs$/],
    ['numbers for a tensor', modelOf('Neg', ['c'], { constants: { c: [1] } }), /^Neg of an int64 tensor$/],
    ['an empty input', modelOf('Neg', ['x'], {}, [2, 0]), /^an input 'x' of shape \[2,0\]$/],
    ['a negative size', modelOf('Neg', ['x'], {}, [-2, -3]), /^a damaged model /],
    [
      'a size beyond all memory',
      modelOf('Neg', ['x'], {}, [2 ** 31, 2 ** 31]),
      /^'x' of shape .* more than 2147483647 elements$/,
    ],
    [
      'a result beyond all memory',
      modelOf('Expand', ['x', 'c'], { constants: { c: [2 ** 30, 2, 3] } }),
      /^'y' of shape /,
    ],
    [
      'Reshape to another size',
      modelOf('Reshape', ['x', 'c'], { constants: { c: [7] }, attribute: [int('allowzero', 1)] }),
      /^a damaged model .*cannot reshape/,
    ],
    [
      'Reshape to negative sizes',
      modelOf('Reshape', ['x', 'c'], { constants: { c: [-2, -3] }, attribute: [int('allowzero', 1)] }),
      /^Reshape to the shape \[-2,-3\]$/,
    ],
    [
      'Expand to a negative size',
      modelOf('Expand', ['x', 'c'], { constants: { c: [-2, 2, 3] } }),
      /^Expand to the shape /,
    ],
    [
      'Transpose of an axis twice',
      modelOf('Transpose', ['x'], { attribute: [ints('perm', [0, 0])] }),
      /^Transpose over the axes 0,0 of 2$/,
    ],
    [
      'Transpose without an axis',
      modelOf('Transpose', ['x'], { attribute: [ints('perm', [0])] }),
      /^Transpose of too few axes$/,
    ],
    [
      'Concat along no axis',
      modelOf('Concat', ['x', 'x'], { attribute: [int('axis', 2)] }),
      /^Concat over the axes 2 of 2$/,
    ],
    [
      'Gather of a row too far',
      modelOf('Gather', ['x', 'c'], { constants: { c: [2] }, attribute: [int('axis', 0)] }),
      /^Gather of rows that are not there$/,
    ],
    [
      'Gather of no rows',
      modelOf('Gather', ['x', 'c'], { constants: { c: [] }, attribute: [int('axis', 0)] }),
      /^Gather of no rows$/,
    ],
    [
      'Pad by less than nothing',
      modelOf('Pad', ['x', 'c', 'v'], { constants: { c: [0, 0, -1, 0], v: 0 } }),
      /^Pad by 0,0,-1,0$/,
    ],
    ['Tile by nothing', modelOf('Tile', ['x', 'c'], { constants: { c: [1, 0] } }), /^Tile by 1,0$/],
    ['MatMul of shapes that do not fit', modelOf('MatMul', ['x', 'x']), /^MatMul of shapes that do not fit$/],
    [
      'Slice from beyond the end',
      modelOf('Slice', ['x', 'b', 'e', 'a', 's'], { constants: { b: [2], e: [9], a: [0], s: [1] } }),
      /^Slice that is empty or outside$/,
    ],
    [
      'Slice in steps of nothing',
      modelOf('Slice', ['x', 'b', 'e', 'a', 's'], { constants: { b: [0], e: [2], a: [0], s: [0] } }),
      /^Slice that is empty or outside$/,
    ],
    [
      'a reduction of an axis that is not there',
      modelOf('ReduceSum', ['x', 'c'], { constants: { c: [5] }, attribute: [int('keepdims', 1)] }),
      /^ReduceSum over the axes 5 of 2$/,
    ],
  ])('are refused: %s', async (_, onnx, message) => {
    await expect(compileNative(onnx, ['y'])).rejects.toThrow(message);
  });

  it('are refused without the output that is wanted', async () => {
    await expect(compileNative(increment.onnx, ['z'])).rejects.toThrow(/^the model has no output 'z'$/);
  });
});

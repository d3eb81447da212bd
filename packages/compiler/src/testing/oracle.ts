import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
// Registers the cpu backend.
import '@tensorflow/tfjs-backend-cpu';
// Registers the gradients of all kernels.
import '@tensorflow/tfjs-layers';
import * as ort from '../onnx-runtime.ts';
import { afterAll, expect } from 'vitest';
import { compile, type CompiledProgram } from '../index.ts';
import { compileNative, requireNative } from '../native/program.ts';
import type { ConvolutionForm } from '../convolution-forms.ts';
import { decodeModel } from '../emit/model-file.ts';

// Keeps tfjs from advertising tfjs-node on the console.
tf.enableProdMode();

export type Tensors = Record<string, tf.Tensor>;
export type Traced = (inputs: Tensors) => Tensors;

/** The input called `name`. */
export function input(inputs: Tensors, name: string): tf.Tensor {
  const tensor = inputs[name];
  if (tensor === undefined) throw new Error(`no input '${name}'`);
  return tensor;
}

const has4Axes = (x: tf.Tensor): x is tf.Tensor4D => x.rank === 4;

/** `x`, typed as what tf.conv2d takes. */
export function tensor4d(x: tf.Tensor): tf.Tensor4D {
  if (!has4Axes(x)) throw new Error(`a tensor of rank ${x.rank}`);
  return x;
}

/** Uniform values in [low, high) from a linear congruential generator: the same for every run. */
export function values(shape: number[], { low = -1, high = 1, seed = 1 } = {}): tf.Tensor {
  let state = seed;
  const data = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + (high - low) * (state / 2 ** 32);
  });
  return tf.tensor(data, shape);
}

export const specsOf = (tensors: Tensors) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, dtype }]) => {
      if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') throw new Error(`a test input of ${dtype}`);
      return [name, { shape, dtype }];
    }),
  );

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** tfjs's cpu backend may keep a tensor's values in another array type than its dtype suggests. */
function ortTensor(tensor: tf.Tensor): ort.Tensor {
  const { dtype, shape } = tensor;
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') throw new Error(`a test input of ${dtype}`);
  return new ort.Tensor(dtype, ARRAYS[dtype].from(tensor.dataSync()), shape);
}

// Hundreds of programs are of no use to the user who runs the tests.
const cache = mkdtempSync(path.join(tmpdir(), 'gantry-compiled-'));
process.env['XDG_CACHE_HOME'] = cache;
afterAll(() => rmSync(cache, { recursive: true }));

/** Whether programs can be run as machine code, too. */
export const hasCCompiler = await requireNative().then(
  () => true,
  () => false,
);
if (!hasCCompiler && (process.env['GANTRY_REQUIRE'] ?? '').split(',').includes('cc')) {
  throw new Error('GANTRY_REQUIRE lists cc, which this machine does not provide');
}

/** Runs a program as machine code. */
export async function runNative(
  { onnx, outputs }: CompiledProgram,
  feeds: Tensors,
): Promise<Record<string, ort.Tensor>> {
  const names = outputs.map(({ name }) => name);
  const program = await compileNative(onnx, names);
  const results = outputs.map(({ dtype, shape }) => new ARRAYS[dtype](tf.util.sizeFromShape([...shape])));
  const fed = program.inputs.map((name) => ortTensor(input(feeds, name)).data as Float32Array);
  program.run(new Uint8Array(program.scratchBytes), fed, results);
  return Object.fromEntries(
    outputs.map(({ name, dtype, shape }, i) => [name, new ort.Tensor(dtype, results[i] as Float32Array, shape)]),
  );
}

/** Runs a program on ONNX Runtime, one thread. */
export async function run({ onnx }: CompiledProgram, feeds: Tensors): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(onnx, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const result = await session.run(
    Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, ortTensor(tensor)])),
  );
  await session.release();
  return result;
}

/** The largest difference relative to the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(expected[i] ?? Number.NaN));
  }
  return largest === 0 ? error : error / largest;
}

/**
 * Compiles `fn`, runs it on ONNX Runtime and, where there is a C compiler, as machine code, and expects what the tfjs cpu backend
 * computes: within 1e-5 of each tensor's maximum.
 */
export async function expectSameAsTfjs(
  fn: Traced,
  inputs: Tensors,
  variables: Record<string, tf.Variable> = {},
  convolutions: ConvolutionForm = 'fastest',
  isNativeToo = hasCCompiler,
): Promise<CompiledProgram> {
  const program = compile(fn, { inputs: specsOf(inputs), variables, convolutions });
  const feeds = { ...inputs, ...variables };
  const engines = { onnx: await run(program, feeds), ...(isNativeToo && { native: await runNative(program, feeds) }) };
  const expected = tf.tidy(() => fn(inputs));
  expect(program.outputs.slice(0, Object.keys(expected).length).map(({ name }) => name)).toEqual(Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    expect(program.outputs).toContainEqual({ name, shape: tensor.shape, dtype: tensor.dtype });
    for (const [engine, results] of Object.entries<Record<string, unknown>>(engines)) {
      const output = results[name];
      if (!(output instanceof ort.Tensor)) throw new Error(`no output '${name}' of ${engine}`);
      expect([name, output.type, output.dims]).toEqual([name, tensor.dtype, tensor.shape]);
      const error = relativeError(Array.from<unknown, number>(output.data, Number), tensor.dataSync());
      expect(error, `relative error of '${name}', ${engine}`).toBeLessThan(1e-5);
    }
  }
  tf.dispose(expected);
  return program;
}

/** A function and what it is applied to. */
export interface Case {
  readonly fn: Traced;
  readonly inputs: Tensors;
}

/** One function that does what all of them do, with the number of each in front of its names: they are compiled at once. */
export function sideBySide(cases: readonly Case[]): Case {
  const numbered = (tensors: Tensors, i: number) =>
    Object.entries(tensors).map(([name, tensor]) => [`${i}/${name}`, tensor] as const);
  return {
    inputs: Object.fromEntries(cases.flatMap(({ inputs }, i) => numbered(inputs, i))),
    fn: (all) =>
      Object.fromEntries(
        cases.flatMap(({ fn, inputs }, i) => {
          const own = Object.keys(inputs).map((name) => [name, input(all, `${i}/${name}`)] as const);
          return numbered(fn(Object.fromEntries(own)), i);
        }),
      ),
  };
}

/** How many nodes of each operator a program has. */
export function operatorCounts({ onnx }: CompiledProgram): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of decodeModel(onnx).node) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

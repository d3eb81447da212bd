import * as tf from '@tensorflow/tfjs-core';
import { compile } from '@gantry/compiler';
import { compileNative } from '@gantry/compiler/native';
import * as ort from '@gantry/compiler/onnx-runtime';
import { CPU_ENGINES } from './c-compiler.ts';

/** Numbers of a tensor. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type Results = Record<string, Float32Array>;

/**
 * Compiles a tfjs function and runs it on every fast engine of CPUs that this machine has.
 * @param variables that it closes over, with their names as inputs
 * @returns the outputs by name, for each engine
 */
export async function onEveryEngine(
  fn: (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
  inputs: Readonly<Record<string, Numbers>>,
  variables: Readonly<Record<string, tf.Variable>>,
): Promise<Record<string, Results>> {
  const { onnx, outputs } = compile(fn, { inputs, variables });
  const of = Object.entries(variables).map(([name, variable]) => {
    return [name, { shape: variable.shape, data: variable.dataSync<'float32'>() }] as const;
  });
  const fed: Record<string, Numbers> = { ...inputs, ...Object.fromEntries(of) };
  const results: Record<string, Results> = {};
  for (const engine of CPU_ENGINES) {
    results[engine] =
      engine === 'onnx'
        ? await onOnnxRuntime(onnx, fed)
        : await asMachineCode(onnx, fed, Object.fromEntries(outputs.map(({ name, shape }) => [name, shape])));
  }
  return results;
}

async function onOnnxRuntime(onnx: Uint8Array, fed: Readonly<Record<string, Numbers>>): Promise<Results> {
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const feeds = Object.entries(fed).map(([name, { shape, data }]) => [name, new ort.Tensor('float32', data, shape)]);
  const outputs = await session.run(Object.fromEntries(feeds) as Record<string, ort.Tensor>);
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

async function asMachineCode(
  onnx: Uint8Array,
  fed: Readonly<Record<string, Numbers>>,
  outputs: Readonly<Record<string, readonly number[]>>,
): Promise<Results> {
  const program = await compileNative(onnx, Object.keys(outputs));
  const results = Object.values(outputs).map((shape) => new Float32Array(tf.util.sizeFromShape([...shape])));
  program.run(
    new Uint8Array(program.scratchBytes),
    program.inputs.map((name) => fed[name]?.data ?? new Float32Array()),
    results,
  );
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, results[i] as Float32Array]));
}

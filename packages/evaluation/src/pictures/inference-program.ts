import { compileNative, CompileError } from '@gantry/compiler/native';
import { GantryError } from '@gantry/core';
import type { PictureEngine } from '../picture-engines.ts';

/** An input of a program. */
export interface Feed {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** A compiled function without gradients: networks in inference mode, products. */
export interface InferenceProgram {
  /** @param outputs memory for each of the program's outputs, by name */
  run(feeds: Readonly<Record<string, Feed>>, outputs: Readonly<Record<string, Float32Array>>): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Opens a compiled function.
 * @param onnx what the compiler gave
 * @param outputs names of all its outputs
 * @param engine where that is not there, the other one takes its place
 * @throws GantryError E_ENGINE where there is neither
 */
export async function openProgram(
  onnx: Uint8Array,
  outputs: readonly string[],
  engine: PictureEngine,
): Promise<InferenceProgram> {
  const failures: unknown[] = [];
  for (const open of engine === 'native' ? [inMachineCode, withOnnxRuntime] : [withOnnxRuntime, inMachineCode]) {
    try {
      return await open(onnx, outputs);
    } catch (error) {
      failures.push(error);
    }
  }
  const noCompiler = failures.find((error) => error instanceof CompileError);
  const isMissing = failures.some(
    (error) => error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND',
  );
  if (!noCompiler || !isMissing) throw failures[0];
  throw new GantryError('E_ENGINE', `pictures cannot be drawn: ${noCompiler.message}; or install onnxruntime-node`, {
    cause: noCompiler,
  });
}

async function withOnnxRuntime(onnx: Uint8Array): Promise<InferenceProgram> {
  const { InferenceSession, Tensor } = await import('@gantry/compiler/onnx-runtime');
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1 });
  return {
    run: async (feeds, outputs) => {
      const tensors = Object.entries(feeds).map(
        ([name, { values, shape }]) => [name, new Tensor('float32', values, shape)] as const,
      );
      const results = await session.run(Object.fromEntries(tensors));
      for (const [name, into] of Object.entries(outputs)) {
        const data = results[name]?.data;
        if (!(data instanceof Float32Array)) throw new TypeError(`the compiled function gave no float32 '${name}'`);
        into.set(data);
      }
    },
    dispose: () => session.release(),
  };
}

async function inMachineCode(onnx: Uint8Array, outputs: readonly string[]): Promise<InferenceProgram> {
  const program = await compileNative(onnx, outputs);
  const scratch = new Uint8Array(program.scratchBytes);
  return {
    run: async (feeds, results) => {
      const inputs = program.inputs.map((name) => required(feeds[name], name).values);
      program.run(
        scratch,
        inputs,
        outputs.map((name) => required(results[name], name)),
      );
    },
    dispose: async () => undefined,
  };
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the compiled function has '${name}', for which nothing was given`);
  return value;
}

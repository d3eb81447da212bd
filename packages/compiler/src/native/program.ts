import { createRequire } from 'node:module';
import { compileC } from './c-compiler.ts';
import { nativeSource } from './source.ts';

export { CompileError } from '../errors.ts';
export { requireCCompiler } from './c-compiler.ts';

const require = createRequire(import.meta.url);

/** Values of a tensor, row-major: float32, int32, and bool as bytes of 0 and 1. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/** The module that addon.h makes. */
interface NativeModule {
  run(scratch: Uint8Array, ...args: readonly TensorData[]): void;
}

/** A program as machine code for this processor. */
export interface NativeProgram {
  /** The names of the inputs, in the order in which `run` takes them. */
  readonly inputs: readonly string[];
  /** Memory that `run` needs to compute in. */
  readonly scratchBytes: number;
  /**
   * Computes. Blocks the thread; several may compute at once, each with scratch memory of its own.
   * @param scratch memory of at least `scratchBytes` bytes, in which nothing is kept
   * @param inputs in order; may lie in shared memory
   * @param outputs memory for the outputs, in the order in which they were asked for
   * @throws RangeError if an array is too short
   */
  run(scratch: Uint8Array, inputs: readonly TensorData[], outputs: readonly TensorData[]): void;
}

/**
 * Compiles an ONNX model of this package's compiler with the C compiler of this machine, `$CC` or `cc`. Takes two seconds for a
 * training step the first time, milliseconds from then on. The same machine gives the same bits.
 * @param outputs the names of the outputs that are wanted
 * @throws CompileError `c-compiler` or `unsupported-model`
 */
export async function compileNative(onnx: Uint8Array, outputs: readonly string[]): Promise<NativeProgram> {
  const { source, inputs, tables, scratchBytes } = nativeSource(onnx, outputs);
  const module = require(await compileC(source)) as NativeModule;
  return {
    inputs,
    scratchBytes,
    run: (scratch, fed, results) => module.run(scratch, ...fed, ...tables, ...results),
  };
}

import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { CompileError } from '../errors.ts';
import { compileC } from './c-compiler.ts';
import { nativeSource } from './source.ts';

export { CompileError } from '../errors.ts';
export { nativeSource, type NativeSource } from './source.ts';

const require = createRequire(import.meta.url);

/** Values of a tensor, row-major: float32, int32, and bool as bytes of 0 and 1. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/** The module that addon.h makes. */
export interface NativeModule {
  run(scratch: Uint8Array, ...args: readonly TensorData[]): void;
}

/** The smallest program: it does nothing. */
const NOTHING = [
  '#include "kernels.h"',
  'static void compute(char *scratch, void *const *argument) {}',
  'static const size_t scratch_bytes = 0;',
  'static const size_t argument_bytes[] = {0};',
  '#include "addon.h"',
].join('\n');

/**
 * Compiles the C of a program, unless it was compiled on this machine before, and loads it.
 * @throws CompileError c-compiler
 */
export async function loadNative(source: string): Promise<NativeModule> {
  const file = await compileC(source);
  try {
    return require(file) as NativeModule;
  } catch {
    // It may come from another machine with the same home, whose libraries are others: once more.
    await rm(file, { force: true });
  }
  const anew = await compileC(source);
  try {
    return require(anew) as NativeModule;
  } catch (cause) {
    throw new CompileError('c-compiler', `what was compiled cannot be loaded: ${String(cause)}`, { cause });
  }
}

/** Makes sure that programs can be compiled and loaded here. @throws CompileError c-compiler */
export async function requireNative(): Promise<void> {
  await loadNative(NOTHING);
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
  const module = await loadNative(source);
  return {
    inputs,
    scratchBytes,
    run: (scratch, fed, results) => module.run(scratch, ...fed, ...tables, ...results),
  };
}

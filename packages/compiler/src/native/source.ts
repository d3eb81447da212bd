import { CompileError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import { lower } from './lower.ts';
import { C_TYPE, type CFunction, loopFunction } from './loops.ts';
import { planMemory } from './memory.ts';
import { productFunction } from './products.ts';
import { readModel } from '../read/read-model.ts';
import { reduceFunction } from './reductions.ts';
import type { Step } from './steps.ts';
import type { Buffer } from './views.ts';

/** A program as C, for the compiler of the machine that runs it. */
export interface NativeSource {
  /** One C file; it includes `kernels.h` and `addon.h` of this package's `native` folder. */
  readonly source: string;
  /** The names of the arguments that `run` takes before its tables and outputs, in order. */
  readonly inputs: readonly string[];
  /** Constants that `run` takes after its inputs; the outputs follow, in the order in which they were asked for. */
  readonly tables: readonly Float32Array<ArrayBuffer>[];
  /** Memory that `run` takes first and leaves with no meaning. */
  readonly scratchBytes: number;
}

/** Pointers to all arguments lie on a thread's stack. */
const MAX_TABLES = 1000;

function outputCalled(model: Graph, name: string) {
  const output = model.outputs.find((candidate) => candidate.name === name);
  if (output === undefined) throw new CompileError('unsupported-model', `the model has no output '${name}'`);
  return output;
}

const functionOf = (step: Step): CFunction => {
  switch (step.kind) {
    case 'loop':
      return loopFunction(step);
    case 'reduce':
      return reduceFunction(step);
    case 'product':
      return productFunction(step);
  }
};

/**
 * Translates an ONNX model of this package's compiler to C.
 * @param outputs the names of the outputs that are wanted; what only others need is not computed
 * @throws CompileError unsupported-model
 */
export function nativeSource(onnx: Uint8Array, outputs: readonly string[]): NativeSource {
  const model = readModel(onnx);
  const graph = { ...model, outputs: outputs.map((name) => outputCalled(model, name)) };
  const { inputs, tables, outputs: results, steps } = lower(graph);
  const { offsets, bytes } = planMemory(steps);
  if (tables.length > MAX_TABLES) throw new CompileError('unsupported-model', `a model with ${tables.length} tables`);
  const argumentBuffers = [...inputs, ...tables.map(({ buffer }) => buffer), ...results];
  const argumentIndex = new Map(argumentBuffers.map((buffer, i) => [buffer, i]));
  const pointer = (buffer: Buffer) => {
    const offset = offsets.get(buffer);
    const place = offset === undefined ? `argument[${argumentIndex.get(buffer)}]` : `scratch + ${offset}L`;
    return `(${C_TYPE[buffer.dtype]} *)(${place})`;
  };
  /** Functions by what they do: many steps do the same to other buffers. */
  const functions = new Map<string, string>();
  const tiles = new Set<string>();
  const calls = steps.map((step) => {
    const { parameters, body, buffers, tiles: needed = [] } = functionOf(step);
    for (const tile of needed) tiles.add(tile);
    const definition = `(${parameters}) {\n${body}\n}`;
    const name = functions.get(definition) ?? `step${functions.size}`;
    functions.set(definition, name);
    return `${name}(${buffers.map(pointer).join(', ')});`;
  });
  const lengths = argumentBuffers.map(({ dtype, size }) => size * (dtype === 'bool' ? 1 : 4));
  const source = [
    '#include "kernels.h"',
    ...tiles,
    ...[...functions].map(([definition, name]) => `static NOINLINE void ${name}${definition}`),
    `static void compute(char *scratch, void *const *argument) {\n${calls.join('\n')}\n}`,
    `static const size_t scratch_bytes = ${bytes};`,
    `static const size_t argument_bytes[] = {${lengths.join()}};`,
    '#include "addon.h"',
    '',
  ].join('\n');
  return {
    source,
    inputs: graph.inputs.map(({ op }) => op.name),
    tables: tables.map(({ values }) => Float32Array.from(values)),
    scratchBytes: bytes,
  };
}

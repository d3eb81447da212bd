import type * as tf from '@tensorflow/tfjs-core';
import { emit } from './emit/emit.ts';
import { CompileError } from './errors.ts';
import type { DType } from './graph.ts';
import type { ConvolutionForm } from './convolution-forms.ts';
import { optimize } from './passes/optimize.ts';
import { trace, type TracedFunction } from './trace/trace.ts';

/** Name, static shape and element type of an input or output of a program. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A compiled function. */
export interface CompiledProgram {
  /** An ONNX model (opset 18, no custom operators, no weights inside), ready for ONNX Runtime or to be written to a file. */
  readonly onnx: Uint8Array;
  /** The declared inputs, then the declared variables, in the order of their declaration. All must be fed, used or not. */
  readonly inputs: readonly TensorSpec[];
  /** What the function returned, in its order, then one `${name}:assigned` per variable that it assigned. */
  readonly outputs: readonly TensorSpec[];
}

export interface CompileOptions {
  /** Placeholders, by name, passed to the function as tensors. Default dtype: float32. */
  readonly inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly dtype?: DType }>>;
  /**
   * tfjs variables that the function closes over. They become inputs of the program under these names; their present
   * values are neither read nor changed. Those assigned by the function also become outputs named `${name}:assigned`.
   */
  readonly variables?: Readonly<Record<string, tf.Variable>>;
  /** How convolutions are computed; the results differ in rounding. Default: fastest. */
  readonly convolutions?: ConvolutionForm;
}

/** @throws CompileError unless all names differ: in ONNX, inputs and outputs share one name space. */
function requireDistinct(names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new CompileError('duplicate-name', `two inputs or outputs are named '${repeated}'`);
}

/**
 * Compiles a tfjs function, gradients included, to ONNX.
 *
 * `fn` runs once, on tensors without values: shapes and control flow are those of this run. The result is the same bytes
 * for the same function, in every process and Node version. tfjs's backend, tensors, scopes and variables are left as
 * they were, on errors too.
 *
 * @throws CompileError when the function uses what a graph cannot express; its `code` says what. Errors thrown by `fn`
 * itself pass through unchanged.
 */
export function compile(
  fn: TracedFunction,
  { inputs, variables = {}, convolutions = 'fastest' }: CompileOptions,
): CompiledProgram {
  requireDistinct([...Object.keys(inputs), ...Object.keys(variables)]);
  const graph = trace(fn, inputs, variables);
  requireDistinct([...graph.inputs.map(({ op }) => op.name), ...graph.outputs.map(({ name }) => name)]);
  return {
    onnx: emit(optimize(graph, convolutions)),
    inputs: graph.inputs.map(({ op, shape, dtype }) => ({ name: op.name, shape, dtype })),
    outputs: graph.outputs.map(({ name, node: { shape, dtype } }) => ({ name, shape, dtype })),
  };
}

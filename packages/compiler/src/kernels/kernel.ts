import type * as tf from '@tensorflow/tfjs-core';
import { CompileError } from '../errors.ts';
import type { DType, Node } from '../graph.ts';

/** A kernel call's inputs by tfjs's names; those of a kernel that takes an array are called '0', '1', … */
export type KernelInputs = Readonly<Record<string, Node>>;

/** Translates one call of a tfjs kernel to its output or outputs. */
export type Kernel = (inputs: KernelInputs, attrs: tf.NamedAttrMap) => Node | readonly Node[];

export type KernelTable = Readonly<Record<string, Kernel>>;

/**
 * A kernel that always has the inputs `names`; `translate` gets them in this order, and all inputs by name.
 *
 * `Attrs` is the interface that tfjs-core exports for the kernel's attributes.
 */
export const kernel =
  <const Names extends readonly string[], Attrs>(
    names: Names,
    translate: (
      required: { readonly [I in keyof Names]: Node },
      attrs: Attrs,
      inputs: KernelInputs,
    ) => Node | readonly Node[],
  ): Kernel =>
  (inputs, attrs) => {
    const required = names.map((name) => {
      const node = inputs[name];
      if (node === undefined) throw new CompileError('unsupported-argument', `kernel input '${name}' is missing`);
      return node;
    });
    // tfjs types the attributes of every kernel as one loose map; map() forgets the length of a tuple.
    return translate(required as { readonly [I in keyof Names]: Node }, attrs as unknown as Attrs, inputs);
  };

/** @throws CompileError for strings and complex numbers */
export function supportedDType(dtype: string): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new CompileError('unsupported-argument', `tensors of dtype '${dtype}' are not supported`);
}

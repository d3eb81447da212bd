import type { Shape } from './graph.ts';

/** Element `index` of `array`; for indices that the caller has established. */
export function at<T>(array: readonly T[], index: number): T {
  const value = array[index];
  if (value === undefined) throw new RangeError(`no element ${index} in an array of ${array.length}`);
  return value;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** The shape that numpy's rules broadcast `shapes` to. */
export function broadcastShape(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((candidate) => candidate !== 1) ?? 1;
    if (sizes.some((other) => other !== 1 && other !== size)) {
      throw new RangeError(`cannot broadcast [${shapes.map((shape) => shape.join()).join('] with [')}]`);
    }
    return size;
  });
}

/** `values` reordered so that result i is `values[perm[i]]`. */
export const permute = <T>(values: readonly T[], perm: readonly number[]): T[] => perm.map((axis) => at(values, axis));

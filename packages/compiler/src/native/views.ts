import type { DType, Shape } from '../graph.ts';
import { at, permute, sizeOf } from '../shapes.ts';

/** Memory of a program: what its caller passes in, or room in the scratch memory. */
export interface Buffer {
  readonly place: 'argument' | 'scratch';
  readonly dtype: DType;
  /** Elements. */
  readonly size: number;
}

/** A tensor in a buffer. Element i of axis a lies `i · strides[a]` elements behind element 0, which lies at `offset`. */
export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

export function rowMajorStrides(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = at(strides, axis + 1) * at(shape, axis + 1);
  return strides;
}

/** All of a buffer, row-major. */
export const wholeOf = (buffer: Buffer, shape: Shape): View => ({
  buffer,
  offset: 0,
  shape,
  strides: rowMajorStrides(shape),
});

export const transposeView = (view: View, perm: readonly number[]): View => ({
  ...view,
  shape: permute(view.shape, perm),
  strides: permute(view.strides, perm),
});

export const sliceView = (view: View, begin: readonly number[], shape: Shape, steps: readonly number[]): View => ({
  ...view,
  offset: view.offset + view.strides.reduce((sum, stride, axis) => sum + stride * at(begin, axis), 0),
  shape,
  strides: view.strides.map((stride, axis) => stride * at(steps, axis)),
});

/** By numpy's rules: what is repeated has stride 0. */
export function broadcastView(view: View, shape: Shape): View {
  const added = shape.length - view.shape.length;
  const strides = shape.map((size, axis) =>
    axis < added || (view.shape[axis - added] === 1 && size !== 1) ? 0 : at(view.strides, axis - added),
  );
  return { ...view, shape, strides };
}

/** The same elements in the same order with another shape; undefined where only a copy has it. */
export function reshapeView(view: View, shape: Shape): View | undefined {
  // Runs of axes of both shapes with equally many elements; inside a run, the old axes have to be evenly spaced.
  const strides: number[] = [];
  let [oldAxis, newAxis] = [0, 0];
  const from = view.shape
    .map((size, axis) => ({ size, stride: at(view.strides, axis) }))
    .filter(({ size }) => size !== 1);
  while (newAxis < shape.length) {
    if (shape[newAxis] === 1) {
      strides.push(0);
      newAxis++;
      continue;
    }
    const first = oldAxis;
    const firstNew = newAxis;
    let [oldSize, newSize] = [at(from, oldAxis++).size, at(shape, newAxis++)];
    while (oldSize !== newSize) {
      if (oldSize < newSize) oldSize *= at(from, oldAxis++).size;
      else newSize *= at(shape, newAxis++);
    }
    for (let axis = first; axis + 1 < oldAxis; axis++) {
      const [outer, inner] = [at(from, axis), at(from, axis + 1)];
      if (outer.stride !== inner.stride * inner.size) return undefined;
    }
    const { stride } = at(from, oldAxis - 1);
    for (const local of rowMajorStrides(shape.slice(firstNew, newAxis))) strides.push(local * stride);
  }
  return { ...view, shape, strides };
}

/**
 * Merges neighbouring axes that are one evenly spaced axis in all of `views`, and leaves out axes of size 1.
 * @param shape the shape of all views
 * @param joinable whether axis a may be merged with axis a + 1
 * @returns the axes of `shape` that each merged axis consists of, outermost first
 */
export function mergedAxes(
  shape: Shape,
  views: readonly View[],
  joinable: (axis: number, next: number) => boolean = () => true,
): number[][] {
  const groups: number[][] = [];
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const group = groups.at(-1);
    const outer = group?.at(-1);
    const even = ({ strides }: View) => outer !== undefined && strides[outer] === at(strides, axis) * size;
    if (group && outer !== undefined && joinable(outer, axis) && views.every(even)) group.push(axis);
    else groups.push([axis]);
  }
  return groups;
}

/** The size of each group of axes. */
export const sizesOf = (shape: Shape, groups: readonly (readonly number[])[]): number[] =>
  groups.map((axes) => sizeOf(axes.map((axis) => at(shape, axis))));

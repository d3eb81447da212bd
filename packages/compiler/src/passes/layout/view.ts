/**
 * A view: how the elements of a tensor lie in another one, the source, that holds them in another order.
 *
 * Both shapes are cut into the same atoms: factors of axes that move as one. The source's axes are products of consecutive
 * atoms; the tensor's axes are products of consecutive atoms of a permutation. So a view is a reshape, a transpose and a
 * reshape, and every chain of those whose axes divide one another is again a view. Axes of size 1 have no atoms.
 */
import { broadcast, reshape, transpose } from '../../build.ts';
import type { Node, Shape } from '../../graph.ts';
import { at, permute, sameShape, sizeOf } from '../../shapes.ts';

export interface View {
  readonly source: Node;
  /** Sizes, in the order of the source. */
  readonly atoms: readonly number[];
  /** The tensor's atom i is the source's atom `order[i]`. */
  readonly order: readonly number[];
  /** The tensor's shape. */
  readonly shape: Shape;
}

const withoutOnes = (shape: Shape): number[] => shape.filter((size) => size !== 1);
const range = (count: number): number[] => [...Array(count).keys()];
const isAscending = (order: readonly number[]): boolean => order.every((atom, i) => atom === i);
const inverse = (order: readonly number[]): number[] => range(order.length).map((atom) => order.indexOf(atom));

export const identityView = (source: Node): View => {
  const atoms = withoutOnes(source.shape);
  return { source, atoms, order: range(atoms.length), shape: source.shape };
};

/**
 * Cuts a sequence of sizes so that it splits into the axes of `shape` too. Returns the factors of each size, or undefined
 * where an axis begins inside of an element of a size.
 */
function cut(sizes: readonly number[], shape: Shape): number[][] | undefined {
  const factors: number[][] = [];
  const rest = withoutOnes(shape);
  let axis = rest.shift() ?? 1;
  for (const size of sizes) {
    const parts: number[] = [];
    let left = size;
    while (left > 1) {
      if (axis === 1) axis = rest.shift() ?? 1;
      const part = left % axis === 0 ? axis : axis % left === 0 ? left : undefined;
      if (part === undefined) return undefined;
      parts.push(part);
      left /= part;
      axis /= part;
    }
    factors.push(parts);
  }
  return factors;
}

/** The same view with each of the tensor's atoms i replaced by its factors. */
function refined({ source, order, shape }: View, factors: readonly number[][]): View {
  const bySource = inverse(order).map((position) => at(factors, position));
  const firsts = bySource.map((_, atom) => bySource.slice(0, atom).reduce((sum, parts) => sum + parts.length, 0));
  return {
    source,
    atoms: bySource.flat(),
    order: order.flatMap((atom) => range(at(bySource, atom).length).map((part) => at(firsts, atom) + part)),
    shape,
  };
}

/** The tensor's atoms in the tensor's order. */
const sizesOf = ({ atoms, order }: View): number[] => permute(atoms, order);

/** For each axis of `shape`, how many of the consecutive atoms `sizes` make it up. */
function countsPerAxis(sizes: readonly number[], shape: Shape): number[] {
  let next = 0;
  return shape.map((size) => {
    const first = next;
    for (let product = 1; product < size; next++) product *= at(sizes, next);
    return next - first;
  });
}

/** For each axis of `shape`, the positions of its atoms in the sequence `sizes`. */
function positionsPerAxis(sizes: readonly number[], shape: Shape): number[][] {
  let next = 0;
  return countsPerAxis(sizes, shape).map((count) => range(count).map(() => next++));
}

/** The view of the tensor reshaped, or undefined where the axes do not divide one another. */
export function reshapedView(view: View, shape: Shape): View | undefined {
  const factors = cut(sizesOf(view), shape);
  return factors && { ...refined(view, factors), shape };
}

export function transposedView(view: View, perm: readonly number[]): View {
  const axes = positionsPerAxis(sizesOf(view), view.shape);
  return {
    ...view,
    order: perm.flatMap((axis) => at(axes, axis).map((position) => at(view.order, position))),
    shape: permute(view.shape, perm),
  };
}

/** The tensor itself: nothing, a reshape, or a reshape, a transpose and a reshape, with as few axes as can be. */
export function materialize({ source, atoms, order, shape }: View): Node {
  if (isAscending(order)) return reshape(source, shape);
  // Atoms that stay neighbours move as one.
  const groups: number[][] = [];
  for (const atom of order) {
    const last = groups.at(-1);
    if (last?.at(-1) === atom - 1) last.push(atom);
    else groups.push([atom]);
  }
  const ascending = groups.toSorted((a, b) => at(a, 0) - at(b, 0));
  const sizes = ascending.map((group) => sizeOf(group.map((atom) => at(atoms, atom))));
  const perm = groups.map((group) => ascending.indexOf(group));
  return reshape(transpose(reshape(source, sizes), perm), shape);
}

/** Whether two views of one shape have the same layout: sources of equal shape, elements in equal order. */
function sameLayout(a: View, b: View): boolean {
  if (!sameShape(a.source.shape, b.source.shape)) return false;
  const [refinedA, refinedB] = commonAtoms(a, b) ?? [];
  return refinedA !== undefined && refinedB !== undefined && sameShape(refinedA.order, refinedB.order);
}

/** Two views of one shape with the same atoms, or undefined. */
function commonAtoms(a: View, b: View): readonly [View, View] | undefined {
  const cutA = cut(sizesOf(a), sizesOf(b));
  const cutB = cut(sizesOf(b), sizesOf(a));
  return cutA && cutB && [refined(a, cutA), refined(b, cutB)];
}

/** A tensor of the shape of `layout`, laid out as it: a node of the shape of `layout.source`. Undefined where that cannot be. */
export function inLayout(tensor: View, layout: View): Node | undefined {
  if (sameLayout(tensor, layout)) return tensor.source;
  const common = commonAtoms(tensor, layout);
  if (!common) return undefined;
  const [own, wanted] = common;
  return materialize({
    source: own.source,
    atoms: own.atoms,
    order: inverse(wanted.order).map((position) => at(own.order, position)),
    shape: layout.source.shape,
  });
}

/**
 * A tensor that broadcasts to the shape of `layout`, as a node that broadcasts to the shape of `layout.source`. Where an axis of
 * the source is broadcast in part only, the rest of it is repeated.
 */
export function broadcastInLayout(tensor: Node, layout: View): Node {
  const { source, atoms, order, shape } = layout;
  const padded = [...shape.slice(tensor.shape.length).map(() => 1), ...tensor.shape];
  const isRepeated = positionsPerAxis(sizesOf(layout), shape).flatMap((positions, axis) =>
    positions.map(() => padded[axis] === 1),
  );
  const sizes = sizesOf(layout).map((size, position) => (isRepeated[position] ? 1 : size));
  const bySource = transpose(reshape(tensor, sizes), inverse(order)); // each atom an axis, repeated ones of size 1
  const axes = positionsPerAxis(atoms, source.shape);
  const isRepeatedAxis = axes.map((own) => own.every((atom) => bySource.shape[atom] === 1));
  const filled = broadcast(
    bySource,
    axes.flatMap((own, axis) => own.map((atom) => (isRepeatedAxis[axis] ? 1 : at(atoms, atom)))),
  );
  return reshape(
    filled,
    source.shape.map((size, axis) => (isRepeatedAxis[axis] ? 1 : size)),
  );
}

/** The axes of the source that hold the tensor's axis and nothing else; undefined where there is no single one. */
export function sourceAxisOf(view: View, axis: number): number | undefined {
  const own = at(positionsPerAxis(sizesOf(view), view.shape), axis).map((position) => at(view.order, position));
  const axes = positionsPerAxis(view.atoms, view.source.shape);
  const found = axes.findIndex((atoms) => atoms.length > 0 && sameShape(atoms, own));
  return found < 0 ? undefined : found;
}

/** The same view with the axis alone in one of its source, where its atoms are neighbours; else the view as it is. */
export function isolatedView(view: View, axis: number): View {
  const own = at(positionsPerAxis(sizesOf(view), view.shape), axis).map((position) => at(view.order, position));
  const [first] = own;
  if (first === undefined || own.some((atom, i) => atom !== first + i)) return view;
  const behind = first + own.length;
  const groups = [view.atoms.slice(0, first), view.atoms.slice(first, behind), view.atoms.slice(behind)];
  return { ...view, source: reshape(view.source, groups.map(sizeOf)) };
}

/** The view where one axis of the tensor, alone in axis `sourceAxis` of its source, has been resized in both. */
export function resizedView(view: View, axis: number, source: Node): View {
  const size = at(source.shape, sourceAxisOf(view, axis) ?? -1);
  const positions = at(positionsPerAxis(sizesOf(view), view.shape), axis);
  const [first = -1, ...rest] = positions.map((position) => at(view.order, position));
  const shape = view.shape.with(axis, size);
  // One atom is left of the axis.
  const kept = range(view.atoms.length).filter((atom) => !rest.includes(atom));
  const atoms = kept.map((atom) => (atom === first ? size : at(view.atoms, atom)));
  const order = view.order.filter((atom) => !rest.includes(atom)).map((atom) => kept.indexOf(atom));
  return { source, atoms, order, shape };
}

/** The source with neighbouring atoms of its axes joined where `flag` is equal: its shape, and the flag of each axis. */
export function flaggedShape(view: View, flags: readonly boolean[]): { shape: number[]; flagged: boolean[] } {
  const shape: number[] = [];
  const flagged: boolean[] = [];
  for (const [atom, size] of view.atoms.entries()) {
    const flag = flags[atom] ?? false;
    if (flagged.at(-1) === flag) shape[shape.length - 1] = at(shape, shape.length - 1) * size;
    else {
      shape.push(size);
      flagged.push(flag);
    }
  }
  return { shape, flagged };
}

/** For each atom of the source, whether it belongs to one of these axes of the tensor. */
export function atomsOfAxes(view: View, axes: readonly number[]): boolean[] {
  const flags = view.atoms.map(() => false);
  for (const [axis, positions] of positionsPerAxis(sizesOf(view), view.shape).entries()) {
    if (axes.includes(axis)) for (const position of positions) flags[at(view.order, position)] = true;
  }
  return flags;
}

import { concat, reduce, reshape, slice } from '../build.ts';
import { type Graph, type Node, topologicalOrder } from '../graph.ts';
import { at, sameShape, sizeOf } from '../shapes.ts';
import {
  atomsOfAxes,
  broadcastInLayout,
  flaggedShape,
  identityView,
  inLayout,
  isolatedView,
  materialize,
  reshapedView,
  resizedView,
  sourceAxisOf,
  transposedView,
  type View,
} from './layout/view.ts';

/**
 * Moves reshapes and transposes behind the operations that follow them, until they cancel out or something needs the tensor
 * as it was: element-wise functions, reductions, concatenations and slices work on any order of the elements.
 *
 * Where operands of different layouts meet, the one that takes fewer bytes to move is moved; of equal ones the
 * deeper one, since what a backward pass meets of the forward pass it meets again.
 */
export function assignLayouts(graph: Graph): Graph {
  const views = new Map<Node, View>();
  /** Length of the longest path from an input. */
  const depths = new Map<Node, number>();
  const viewOf = (node: Node): View => {
    const view = views.get(node);
    if (view === undefined) throw new Error('assignLayouts: a node comes before its input');
    return view;
  };
  const depthOf = ({ source }: View): number => depthOfNode(source, depths);
  for (const node of topologicalOrder(graph)) {
    const operands = node.inputs.map(viewOf);
    views.set(node, moved(node, operands, depthOf) ?? identityView({ ...node, inputs: operands.map(materialize) }));
  }
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map(({ name, node }) => ({ name, node: materialize(viewOf(node)) })),
  };
}

function depthOfNode(node: Node, known: Map<Node, number>): number {
  const depth = known.get(node) ?? 1 + Math.max(-1, ...node.inputs.map((input) => depthOfNode(input, known)));
  known.set(node, depth);
  return depth;
}

/** A view of the node whose source works on the operands' sources, or undefined. */
function moved(node: Node, operands: readonly View[], depthOf: (view: View) => number): View | undefined {
  const [first] = operands;
  if (first === undefined) return identityView(node);
  switch (node.op.kind) {
    case 'reshape':
      return reshapedView(first, node.shape);
    case 'transpose':
      return transposedView(first, node.op.perm);
    case 'cast':
    case 'leakyRelu':
    case 'pointwise':
      return pointwiseView(node, operands, depthOf);
    case 'reduce':
      return reducedView(node, node.op.axes, first);
    case 'concat':
      return concatView(node, node.op.axis, operands);
    case 'slice':
      return sliceView(node, node.op.begin, node.op.strides, first);
    default:
      return undefined;
  }
}

/** The tensor, or what it is computed from element by element where that has fewer bytes, in a layout. */
function converted(view: View, layout: View): { readonly node: Node; readonly bytes: number } | undefined {
  const { source } = view;
  const [operand] = source.inputs.filter(({ shape }) => sameShape(shape, source.shape));
  const others = source.inputs.filter((input) => input !== operand);
  if (operand !== undefined && source.op.kind !== 'reshape' && others.every(({ shape }) => sizeOf(shape) === 1)) {
    if (source.op.kind === 'cast' || source.op.kind === 'pointwise') {
      const inner = converted({ ...view, source: operand }, layout);
      if (inner && inner.bytes < bytesOf(source)) {
        const inputs = source.inputs.map((input) => (input === operand ? inner.node : input));
        return { node: { ...source, inputs, shape: inner.node.shape }, bytes: inner.bytes };
      }
    }
  }
  const node = inLayout(view, layout);
  return node && { node, bytes: node === source ? 0 : bytesOf(node) };
}

const bytesOf = ({ shape, dtype }: Node): number => sizeOf(shape) * (dtype === 'bool' ? 1 : 4);

function pointwiseView(node: Node, operands: readonly View[], depthOf: (view: View) => number): View | undefined {
  const isFull = ({ shape }: View) => sameShape(shape, node.shape);
  const candidates = operands.filter(isFull).map((layout) => {
    const sources = operands.map((operand) => {
      if (isFull(operand)) return converted(operand, layout);
      if (sizeOf(operand.shape) === 1) return { node: scalar(operand), bytes: 0 };
      return { node: broadcastInLayout(materialize(operand), layout), bytes: 0 };
    });
    return { layout, sources, bytes: sources.reduce((sum, source) => sum + (source?.bytes ?? Infinity), 0) };
  });
  const [best] = candidates.toSorted((a, b) => a.bytes - b.bytes || depthOf(a.layout) - depthOf(b.layout));
  if (best === undefined || best.bytes === Infinity) return undefined;
  const inputs = best.sources.flatMap((source) => (source ? [source.node] : []));
  return { ...best.layout, source: { ...node, inputs, shape: best.layout.source.shape } };
}

const scalar = (view: View): Node => (view.shape.length === 0 ? view.source : reshape(materialize(view), []));

function reducedView(node: Node, axes: readonly number[], view: View): View {
  if (node.op.kind !== 'reduce') throw new Error('not a reduction');
  const flags = atomsOfAxes(view, axes);
  const { shape, flagged } = flaggedShape(view, flags);
  const reduced = reduce(
    node.op.fn,
    reshape(view.source, shape),
    flagged.flatMap((flag, axis) => (flag ? [axis] : [])),
  );
  const kept = [...view.atoms.keys()].filter((atom) => !flags[atom]);
  return {
    source: reduced,
    atoms: kept.map((atom) => at(view.atoms, atom)),
    order: view.order.filter((atom) => !flags[atom]).map((atom) => kept.indexOf(atom)),
    shape: node.shape,
  };
}

function concatView(node: Node, axis: number, operands: readonly View[]): View | undefined {
  for (const layout of operands) {
    const sourceAxis = sourceAxisOf(layout, axis);
    if (sourceAxis === undefined) continue;
    const parts = operands.map((operand) => {
      const size = at(operand.shape, axis);
      const source = { ...layout.source, shape: layout.source.shape.with(sourceAxis, size) };
      return inLayout(operand, resizedView(layout, axis, source));
    });
    const found = parts.filter((part) => part !== undefined);
    if (found.length < parts.length) continue;
    return resizedView(layout, axis, concat(found, sourceAxis));
  }
  return undefined;
}

function sliceView(node: Node, begin: readonly number[], strides: readonly number[], view: View): View | undefined {
  let current = view;
  for (const [axis, size] of node.shape.entries()) {
    if (size === view.shape[axis] && at(strides, axis) === 1) continue;
    if (sourceAxisOf(current, axis) === undefined) current = isolatedView(current, axis);
    const sourceAxis = sourceAxisOf(current, axis);
    if (sourceAxis === undefined) return undefined;
    const { source } = current;
    const cut = slice(
      source,
      source.shape.map(() => 0).with(sourceAxis, at(begin, axis)),
      source.shape.with(sourceAxis, size),
      source.shape.map(() => 1).with(sourceAxis, at(strides, axis)),
    );
    current = resizedView(current, axis, cut);
  }
  return current;
}

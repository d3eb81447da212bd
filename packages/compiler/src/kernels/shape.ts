import * as tf from '@tensorflow/tfjs-core';
import { broadcast, concat, constant, pad, reshape, slice, tile, transpose } from '../build.ts';
import { CompileError } from '../errors.ts';
import type { Node } from '../graph.ts';
import { at, sizeOf } from '../shapes.ts';
import { kernel, type KernelTable, supportedDType } from './kernel.ts';

/** `x` as tfjs's helpers take it; they look at the shape only. */
const tensorInfo = ({ shape, dtype }: Node): tf.TensorInfo => ({ shape: [...shape], dtype, dataId: {} });

/** Kernels that move elements, and those that make constants. */
export const shapeKernels: KernelTable = {
  BroadcastTo: kernel(['x'], ([x], { shape }: tf.BroadCastToAttrs) => broadcast(x, shape)),
  Concat: kernel(['0'], ([first], { axis }: tf.ConcatAttrs, inputs) =>
    concat(Object.values(inputs), at(tf.util.parseAxisParam(axis, [...first.shape]), 0)),
  ),
  ExpandDims: kernel(['input'], ([input], { dim }: tf.ExpandDimsAttrs) =>
    reshape(input, input.shape.toSpliced(dim < 0 ? input.shape.length + 1 + dim : dim, 0, 1)),
  ),
  Fill: kernel([], (_, { shape, value, dtype }: tf.FillAttrs) => {
    if (typeof value === 'string') throw new CompileError('unsupported-argument', 'tf.fill with a string');
    return constant(value, shape, supportedDType(dtype));
  }),
  Identity: kernel(['x'], ([x]) => x),
  OnesLike: kernel(['x'], ([x]) => constant(1, x.shape, x.dtype)),
  PadV2: kernel(['x'], ([x], { paddings, constantValue }: tf.PadV2Attrs) =>
    pad(
      x,
      paddings.map(([before]) => before),
      paddings.map(([, after]) => after),
      constantValue,
    ),
  ),
  Reshape: kernel(['x'], ([x], { shape }: tf.ReshapeAttrs) =>
    reshape(x, tf.util.inferFromImplicitShape(shape, sizeOf(x.shape))),
  ),
  Slice: kernel(['x'], ([x], { begin, size }: tf.SliceAttrs) => {
    const [start = [], extent = []] = tf.slice_util.parseSliceParams(tensorInfo(x), begin, size);
    return slice(x, start, extent);
  }),
  SplitV: kernel(['x'], ([x], { numOrSizeSplits, axis }: tf.SplitVAttrs) => {
    const shape = [...x.shape];
    const splitAxis = at(tf.util.parseAxisParam(axis, shape), 0);
    let end = 0;
    return tf.backend_util.prepareSplitSize(tensorInfo(x), numOrSizeSplits, splitAxis).map((size) => {
      const begin = shape.map(() => 0).with(splitAxis, end);
      end += size;
      return slice(x, begin, shape.with(splitAxis, size));
    });
  }),
  Tile: kernel(['x'], ([x], { reps }: tf.TileAttrs) => tile(x, reps)),
  Transpose: kernel(['x'], ([x], { perm }: { perm: number[] }) => transpose(x, perm)),
  ZerosLike: kernel(['x'], ([x]) => constant(0, x.shape, x.dtype)),
};

import * as tf from '@tensorflow/tfjs-core';
import { cast, matMul, pointwise, reshape, table, transposeMatrix } from '../build.ts';
import { CompileError } from '../errors.ts';
import type { Node } from '../graph.ts';
import { at, sizeOf } from '../shapes.ts';
import { kernel, type KernelTable } from './kernel.ts';

/** 1 in each row where the index is, 0 elsewhere; nothing but zeros for indices that are not there: [indices, count]. */
function oneHot(indices: Node, count: number): Node {
  const column = cast(reshape(indices, [sizeOf(indices.shape), 1]), 'float32');
  const numbers = table([...Array(count).keys()], [1, count]);
  return cast(pointwise('equal', column, numbers), 'float32');
}

/** x [rows, ...] → [rows, row size] */
const asMatrix = (x: Node, rows: number): Node => reshape(x, [rows, sizeOf(x.shape) / rows]);

/** Rows that are chosen when the program runs, as products with ones and zeros: exact, and the same on every device. */
export const embeddingKernels: KernelTable = {
  /** Of x [rows, ...] those that `indices` says. An index that is not there gives zeros. */
  GatherV2: kernel(['x', 'indices'], ([x, indices], { axis, batchDims }: tf.GatherV2Attrs) => {
    const along = at(tf.util.parseAxisParam(axis, [...x.shape]), 0);
    if (along !== 0 || batchDims !== 0 || x.dtype !== 'float32') {
      throw new CompileError('unsupported-argument', 'tf.gather of anything but rows of float32');
    }
    const rows = at(x.shape, 0);
    return reshape(matMul(oneHot(indices, rows), asMatrix(x, rows)), [...indices.shape, ...x.shape.slice(1)]);
  }),
  /** Row i of the result is the sum of those rows of x [rows, ...] whose id is i. */
  UnsortedSegmentSum: kernel(['x', 'segmentIds'], ([x, ids], { numSegments }: tf.UnsortedSegmentSumAttrs) => {
    const sums = matMul(transposeMatrix(oneHot(ids, numSegments)), asMatrix(x, at(x.shape, 0)));
    return reshape(sums, [numSegments, ...x.shape.slice(1)]);
  }),
};

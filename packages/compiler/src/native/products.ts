import { at } from '../shapes.ts';
import { type CFunction, forLoop } from './loops.ts';
import type { Step } from './steps.ts';
import { mergedAxes, sizesOf, transposeView, type View } from './views.ts';

/** The strides of a view's last two axes; one along which there is one element only is as good as contiguous. */
function matrixStrides({ shape, strides }: View): [row: number, column: number] {
  const rank = shape.length;
  return [at(strides, rank - 2), at(strides, rank - 1)];
}

/** A product for each index of the leading axes. */
export function productFunction(step: Step & { kind: 'product' }): CFunction {
  const [a, b] = inRows(step);
  const { target } = step;
  const leading = target.shape.slice(0, -2);
  const batchOf = (view: View): View => ({ ...view, shape: leading, strides: view.strides.slice(0, -2) });
  const groups = mergedAxes(leading, [a, b, target].map(batchOf));
  const sizes = sizesOf(leading, groups);
  const strideOf = (view: View, group: number) => at(view.strides, at(groups, group).at(-1) ?? 0);
  const place = (name: string, view: View) =>
    [
      name,
      ...(view.offset === 0 ? [] : [`${view.offset}L`]),
      ...groups.map((_, group) => `i${group} * ${strideOf(view, group)}L`),
    ].join(' + ');
  const [m, k, n] = [at(a.shape, a.shape.length - 2), at(a.shape, a.shape.length - 1), at(b.shape, b.shape.length - 1)];
  const [aRow, aColumn] = matrixStrides(a);
  const [bRow, bColumn] = matrixStrides(b);
  const loops = sizes.map((size, group) => forLoop(`i${group}`, size));
  const common = {
    parameters: 'const float *a, const float *b, float *y',
    buffers: [a.buffer, b.buffer, target.buffer],
  };
  if (n === 1) {
    const operands = [m, k, place('a', a), `${aRow}L`, `${aColumn}L`, place('b', b), `${bRow}L`, place('y', target)];
    return { ...common, body: [...loops, `dots(${operands.join(', ')});`].join('\n') };
  }
  const next = groups.length === 0 ? 0 : strideOf(b, groups.length - 1);
  const operands = [
    m,
    n,
    k,
    place('a', a),
    `${aRow}L`,
    `${aColumn}L`,
    place('b', b),
    `${bRow}L`,
    `${bColumn}L`,
    place('y', target),
    `${next}L`,
  ];
  // Named by what they are: products of the same layout share them.
  const layout = `${m}_${aRow}_${aColumn}`;
  const tiles = [`tile_${layout}`, `tile_more_${layout}`] as const;
  return {
    ...common,
    body: [...loops, `product(${[...operands, ...tiles].join(', ')});`].join('\n'),
    tiles: [
      `TILE(${tiles[0]}, ROWS(${m}), ${aRow}L, ${aColumn}L)`,
      `TILE(${tiles[1]}, (ROWS(${m}) + 1), ${aRow}L, ${aColumn}L)`,
    ],
  };
}

/**
 * The operands of a product. A matrix that lies there by columns times a column vector is computed as its transpose: a row vector
 * times a matrix that lies there by rows.
 */
function inRows({ a, b }: Step & { kind: 'product' }): [View, View] {
  const rank = a.shape.length;
  const isVector = b.shape.at(-1) === 1;
  if (!isVector || at(a.shape, rank - 2) === 1 || matrixStrides(a)[1] === 1) return [a, b];
  const exchange = [...Array(rank - 2).keys(), rank - 1, rank - 2];
  return [transposeView(b, exchange), transposeView(a, exchange)];
}

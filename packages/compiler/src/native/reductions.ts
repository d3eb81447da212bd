import type { DType, Reduction } from '../graph.ts';
import { at, sizeOf } from '../shapes.ts';
import { C_TYPE, type CFunction, forLoop, loopFunction, LoopWriter, viewsOf } from './loops.ts';
import type { Step } from './steps.ts';
import { mergedAxes, sizesOf } from './views.ts';

/** Elements whose sums are kept while the rows of a reduction pass by: they stay in the first-level cache. */
const BLOCK = 512;
/** So many elements are added up on their own before they are added to a sum, which keeps long sums accurate. */
const CHUNK = 64;
/** Partial sums where neighbours are added: as many as the widest vector has lanes. */
const LANES = 16;

/** What changes nothing when it is combined. */
function identityOf(fn: Reduction, dtype: DType): string {
  if (fn === 'sum' || fn === 'mean') return '0';
  if (dtype === 'int32') return fn === 'max' ? 'INT32_MIN' : 'INT32_MAX';
  return fn === 'max' ? '-INFINITY' : 'INFINITY';
}

const combine = (fn: Reduction, into: string, value: string): string => {
  if (fn === 'max') return `${into} = larger(${into}, ${value});`;
  return fn === 'min' ? `${into} = smaller(${into}, ${value});` : `${into} += ${value};`;
};

/** What both kinds of loops are made of. */
interface Parts {
  readonly fn: Reduction;
  /** C's type of the sums. */
  readonly type: string;
  readonly identity: string;
  /** Sizes of the loops, outermost first; their variables are i0, i1… */
  readonly sizes: readonly number[];
  /** The loops over what is kept and over what is reduced, by number. */
  readonly kept: readonly number[];
  readonly reduced: readonly number[];
  /** The expression of an element. */
  readonly element: string;
  /** The statement that stores a result. */
  readonly store: (sum: string) => string;
}

export function reduceFunction({ fn, shape, axes, target, value }: Step & { kind: 'reduce' }): CFunction {
  const isReduced = (axis: number) => axes.includes(axis) && at(shape, axis) > 1;
  if (!shape.some((_, axis) => isReduced(axis))) return loopFunction({ kind: 'loop', target, value });
  const groups = mergedAxes(shape, viewsOf(value), (axis, next) => isReduced(axis) === isReduced(next));
  const numbers = [...groups.keys()];
  const writer = new LoopWriter(groups);
  const y = writer.target(target.buffer);
  const strides = target.strides.map((stride, axis) => (isReduced(axis) ? 0 : stride));
  const place = `${y}[${writer.index({ ...target, strides })}]`;
  const divisor = fn === 'mean' ? ` / ${sizeOf(axes.map((axis) => at(shape, axis)))}` : '';
  const parts: Parts = {
    fn,
    type: C_TYPE[target.buffer.dtype],
    identity: identityOf(fn, target.buffer.dtype),
    sizes: sizesOf(shape, groups),
    kept: numbers.filter((group) => !isReduced(at(at(groups, group), 0))),
    reduced: numbers.filter((group) => isReduced(at(at(groups, group), 0))),
    element: writer.expression(value),
    store: (sum) => `${place} = ${sum}${divisor};`,
  };
  return writer.finish(parts.kept.at(-1) === groups.length - 1 ? sumRows(parts) : sumNeighbours(parts));
}

const loopsOver = (groups: readonly number[], sizes: readonly number[]): string[] =>
  groups.map((group) => forLoop(`i${group}`, at(sizes, group)));

/** Neighbours have sums of their own: row by row is added to a block of sums. */
function sumRows({ fn, type, identity, sizes, kept, reduced, element, store }: Parts): string[] {
  const inner = sizes.length - 1;
  const size = at(sizes, inner);
  const outermost = at(reduced, 0);
  const rows = at(sizes, outermost);
  const each = (statement: string) => `for (long i${inner} = j; i${inner} < end; i${inner}++) ${statement}`;
  return [
    ...loopsOver(kept.slice(0, -1), sizes),
    `for (long j = 0; j < ${size}; j += ${BLOCK}) {`,
    `const long end = j + ${BLOCK} < ${size} ? j + ${BLOCK} : ${size};`,
    `${type} sum[${BLOCK}], part[${BLOCK}];`,
    each(`sum[i${inner} - j] = ${identity};`),
    `for (long first = 0; first < ${rows}; first += ${CHUNK}) {`,
    `const long last = first + ${CHUNK} < ${rows} ? first + ${CHUNK} : ${rows};`,
    each(`part[i${inner} - j] = ${identity};`),
    `for (long i${outermost} = first; i${outermost} < last; i${outermost}++)`,
    ...loopsOver(reduced.slice(1), sizes),
    each(combine(fn, `part[i${inner} - j]`, element)),
    each(combine(fn, `sum[i${inner} - j]`, `part[i${inner} - j]`)),
    '}',
    each(store(`sum[i${inner} - j]`)),
    '}',
  ];
}

/** Neighbours are added up: as many sums as a vector has lanes, which are added up at the end. */
function sumNeighbours({ fn, type, identity, sizes, kept, reduced, element, store }: Parts): string[] {
  const inner = sizes.length - 1;
  const size = at(sizes, inner);
  const lanes = (statement: string) => `for (int lane = 0; lane < ${LANES}; lane++) ${statement}`;
  return [
    ...loopsOver(kept, sizes),
    '{',
    `${type} sum[${LANES}], total = ${identity};`,
    lanes(`sum[lane] = ${identity};`),
    ...loopsOver(reduced.slice(0, -1), sizes),
    `for (long first = 0; first < ${size}; first += ${CHUNK * LANES}) {`,
    `const long last = first + ${CHUNK * LANES} < ${size} ? first + ${CHUNK * LANES} : ${size};`,
    `${type} part[${LANES}];`,
    lanes(`part[lane] = ${identity};`),
    `for (long i${inner} = first; i${inner} < last; i${inner}++)`,
    combine(fn, `part[(i${inner} - first) % ${LANES}]`, element),
    lanes(combine(fn, 'sum[lane]', 'part[lane]')),
    '}',
    lanes(combine(fn, 'total', 'sum[lane]')),
    store('total'),
    '}',
  ];
}

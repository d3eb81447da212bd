import type { DType, PointwiseFunction, Reduction, Shape } from '../graph.ts';
import { at, sizeOf } from '../shapes.ts';
import { dtypeOf, type Expression, loadsOf, type Step } from './steps.ts';
import { mergedAxes, sizesOf, type Buffer, type View } from './views.ts';

export const C_TYPE: Readonly<Record<DType, string>> = { float32: 'float', int32: 'int32_t', bool: 'uint8_t' };

/** Elements whose sums are kept while the rows of a reduction pass by: they stay in the first-level cache. */
const BLOCK = 512;
/** So many elements are added up on their own before they are added to a sum, which keeps long sums accurate. */
const CHUNK = 64;
/** Partial sums where neighbours are added: as many as the widest vector has lanes. */
const LANES = 16;

const OPERATORS: Partial<Record<PointwiseFunction, string>> = {
  add: '+',
  addN: '+',
  and: '&',
  div: '/',
  equal: '==',
  greater: '>',
  greaterEqual: '>=',
  less: '<',
  lessEqual: '<=',
  mul: '*',
  sub: '-',
};

/** Functions of kernels.h. */
const FUNCTIONS: Partial<Record<PointwiseFunction, string>> = {
  abs: 'absolute',
  clip: 'clip',
  exp: 'expf',
  log: 'logf',
  max: 'larger',
  min: 'smaller',
  pow: 'powf',
  relu: 'relu',
  select: 'choose',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  sqrt: 'sqrtf',
  tanh: 'tanhf',
};

function literal(value: number, dtype: DType): string {
  if (dtype !== 'float32') return `${value}`;
  if (Number.isNaN(value)) return 'NAN';
  if (!Number.isFinite(value)) return value > 0 ? 'INFINITY' : '(-INFINITY)';
  const text = Object.is(value, -0) ? '-0' : `${value}`;
  return `(${/[.e]/.test(text) ? text : `${text}.0`}f)`;
}

/** A C function that a program calls with pointers to the buffers that it works on. */
export interface CFunction {
  readonly parameters: string;
  readonly body: string;
  readonly buffers: readonly Buffer[];
  /** Definitions that it needs. */
  readonly tiles?: readonly string[];
}

/** The names of a function's parameters. */
class Parameters {
  readonly buffers: Buffer[] = [];
  readonly #names = new Map<Buffer, string>();
  readonly #declarations: string[] = [];

  declare(buffer: Buffer, name: string, written = false): string {
    const known = this.#names.get(buffer);
    if (known !== undefined) return known;
    this.#names.set(buffer, name);
    this.buffers.push(buffer);
    this.#declarations.push(`${written ? '' : 'const '}${C_TYPE[buffer.dtype]} *restrict ${name}`);
    return name;
  }

  toString(): string {
    return this.#declarations.join(', ');
  }
}

/** Writes the loops of one step. */
class LoopWriter {
  readonly parameters = new Parameters();
  readonly #shape: Shape;
  readonly #groups: readonly (readonly number[])[];
  readonly #tables: string[] = [];

  constructor(shape: Shape, groups: readonly (readonly number[])[]) {
    this.#shape = shape;
    this.#groups = groups;
  }

  /** The static tables that the expressions use. */
  get tables(): string {
    return this.#tables.join('\n');
  }

  /** The index of an element: a sum over the loop variables i0, i1… */
  index({ offset, strides }: View, rows?: readonly number[]): string {
    const terms = this.#groups.flatMap((axes, group) => {
      const stride = at(strides, axes.at(-1) ?? 0);
      if (stride === 0) return [];
      const variable = rows && axes.includes(0) ? this.#rowTable(rows, `i${group}`) : `i${group}`;
      return [stride === 1 ? variable : `${variable} * ${stride}L`];
    });
    // A gather of one row only has no loop over its rows.
    const first = rows?.length === 1 ? at(rows, 0) * at(strides, 0) : 0;
    return [...(offset + first === 0 && terms.length > 0 ? [] : [`${offset + first}L`]), ...terms].join(' + ');
  }

  expression(expression: Expression): string {
    switch (expression.kind) {
      case 'literal':
        return literal(expression.value, expression.dtype);
      case 'load': {
        const { view, rows } = expression;
        const name = this.parameters.declare(view.buffer, `x${this.parameters.buffers.length}`);
        return `${name}[${this.index(view, rows)}]`;
      }
      case 'leakyRelu': {
        const alpha = literal(expression.alpha, 'float32');
        return `leaky_relu(${this.expression(expression.arg)}, ${alpha})`;
      }
      case 'call': {
        const args = expression.args.map((arg) => this.expression(arg));
        const { fn } = expression;
        if (fn === 'cast') return cast(at(args, 0), dtypeOf(at(expression.args, 0)), expression.dtype);
        if (fn === 'neg') return `(-${at(args, 0)})`;
        if (fn === 'not') return `(!${at(args, 0)})`;
        const operator = OPERATORS[fn];
        return operator ? `(${args.join(` ${operator} `)})` : `${FUNCTIONS[fn]}(${args.join(', ')})`;
      }
    }
  }

  #rowTable(rows: readonly number[], variable: string): string {
    const name = `rows${this.#tables.length}`;
    this.#tables.push(`static const int32_t ${name}[] = {${rows.join()}};`);
    return `${name}[${variable}]`;
  }
}

function cast(value: string, from: DType, to: DType): string {
  if (to === 'bool') return `(${value} != 0)`;
  return from === to ? value : `(${C_TYPE[to]})${value}`;
}

const forLoop = (variable: string, size: number): string =>
  `for (long ${variable} = 0; ${variable} < ${size}; ${variable}++)`;

const viewsOf = (expression: Expression): View[] => loadsOf(expression).map(({ view }) => view);

/** Rows that are chosen cannot be one axis with what is inside them. */
const joinable = (value: Expression) => {
  const chosen = loadsOf(value).some(({ rows }) => rows !== undefined);
  return (axis: number) => !chosen || axis > 0;
};

export function loopFunction({ target, value }: Step & { kind: 'loop' }): CFunction {
  const groups = mergedAxes(target.shape, [target, ...viewsOf(value)], joinable(value));
  const sizes = sizesOf(target.shape, groups);
  const writer = new LoopWriter(target.shape, groups);
  const y = writer.parameters.declare(target.buffer, 'y', true);
  const store = `${y}[${writer.index(target)}] = ${writer.expression(value)};`;
  const loops = sizes.map((size, group) => forLoop(`i${group}`, size));
  const body = [writer.tables, ...loops, store].filter((line) => line !== '').join('\n');
  return { parameters: `${writer.parameters}`, body, buffers: writer.parameters.buffers };
}

const IDENTITY: Readonly<Record<Reduction, string>> = { max: '-INFINITY', mean: '0', min: 'INFINITY', sum: '0' };

const combine = (fn: Reduction, into: string, value: string): string => {
  if (fn === 'max') return `${into} = larger(${into}, ${value});`;
  return fn === 'min' ? `${into} = smaller(${into}, ${value});` : `${into} += ${value};`;
};

export function reduceFunction({ fn, shape, axes, target, value }: Step & { kind: 'reduce' }): CFunction {
  const reduced = (axis: number) => axes.includes(axis) && at(shape, axis) > 1;
  if (!shape.some((_, axis) => reduced(axis))) return loopFunction({ kind: 'loop', target, value });
  // The target has the reduced axes too, with size 1: it is even along none of them.
  const groups = mergedAxes(shape, viewsOf(value), (axis, next) => reduced(axis) === reduced(next) && joinable(value)(axis));
  const sizes = sizesOf(shape, groups);
  const isReduced = groups.map((group) => reduced(at(group, 0)));
  const writer = new LoopWriter(shape, groups);
  const y = writer.parameters.declare(target.buffer, 'y', true);
  const strides = target.strides.map((stride, axis) => (reduced(axis) ? 0 : stride));
  const count = sizeOf(axes.map((axis) => at(shape, axis)));
  const result = (sum: string) => {
    const place = `${y}[${writer.index({ ...target, strides })}]`;
    return `${place} = ${fn === 'mean' ? `${sum} / ${count}` : sum};`;
  };
  const kept = [...groups.keys()].filter((group) => !isReduced[group]);
  const inner = groups.length - 1;
  const code = isReduced[inner] === false ? keptInside() : reducedInside();
  const body = [writer.tables, ...code].filter((line) => line !== '').join('\n');
  return { parameters: `${writer.parameters}`, body, buffers: writer.parameters.buffers };

  /** Neighbours have sums of their own: a block of sums, to which row by row is added. */
  function keptInside(): string[] {
    const size = at(sizes, inner);
    const element = writer.expression(value);
    const [outermost, ...rest] = [...groups.keys()].filter((group) => isReduced[group]);
    const outside = kept.slice(0, -1).map((group) => forLoop(`i${group}`, at(sizes, group)));
    const each = (statement: string) => `for (long i${inner} = j; i${inner} < end; i${inner}++) ${statement}`;
    const rows = at(sizes, outermost ?? 0);
    return [
      ...outside,
      `for (long j = 0; j < ${size}; j += ${BLOCK}) {`,
      `const long end = j + ${BLOCK} < ${size} ? j + ${BLOCK} : ${size};`,
      `float sum[${BLOCK}], part[${BLOCK}];`,
      each(`sum[i${inner} - j] = ${IDENTITY[fn]};`),
      `for (long first = 0; first < ${rows}; first += ${CHUNK}) {`,
      `const long last = first + ${CHUNK} < ${rows} ? first + ${CHUNK} : ${rows};`,
      each(`part[i${inner} - j] = ${IDENTITY[fn]};`),
      `for (long i${outermost} = first; i${outermost} < last; i${outermost}++)`,
      ...rest.map((group) => forLoop(`i${group}`, at(sizes, group))),
      each(combine(fn, `part[i${inner} - j]`, element)),
      each(combine(fn, `sum[i${inner} - j]`, `part[i${inner} - j]`)),
      '}',
      each(result(`sum[i${inner} - j]`)),
      '}',
    ];
  }

  /** Neighbours are added up: so many sums as a vector has lanes, which are added up at the end. */
  function reducedInside(): string[] {
    const size = groups.length === 0 ? 1 : at(sizes, inner);
    const element = writer.expression(value);
    const index = `i${Math.max(inner, 0)}`;
    const outside = kept.map((group) => forLoop(`i${group}`, at(sizes, group)));
    const rows = [...groups.keys()].filter((group) => isReduced[group] && group !== inner);
    const step = CHUNK * LANES;
    return [
      ...outside,
      '{',
      `float sum[${LANES}], total = ${IDENTITY[fn]};`,
      `for (int lane = 0; lane < ${LANES}; lane++) sum[lane] = ${IDENTITY[fn]};`,
      ...rows.map((group) => forLoop(`i${group}`, at(sizes, group))),
      `for (long first = 0; first < ${size}; first += ${step}) {`,
      `const long last = first + ${step} < ${size} ? first + ${step} : ${size};`,
      `float part[${LANES}];`,
      `for (int lane = 0; lane < ${LANES}; lane++) part[lane] = ${IDENTITY[fn]};`,
      `for (long j = first; j < last; j += ${LANES}) {`,
      `const int lanes = last - j < ${LANES} ? last - j : ${LANES};`,
      `if (lanes == ${LANES}) for (int lane = 0; lane < ${LANES}; lane++) { const long ${index} = j + lane; ${combine(fn, 'part[lane]', element)} }`,
      `else for (int lane = 0; lane < lanes; lane++) { const long ${index} = j + lane; ${combine(fn, 'part[lane]', element)} }`,
      '}',
      `for (int lane = 0; lane < ${LANES}; lane++) ${combine(fn, 'sum[lane]', 'part[lane]')}`,
      '}',
      `for (int lane = 0; lane < ${LANES}; lane++) ${combine(fn, 'total', 'sum[lane]')}`,
      result('total'),
      '}',
    ];
  }
}

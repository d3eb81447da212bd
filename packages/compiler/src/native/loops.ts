import type { DType, PointwiseFunction } from '../graph.ts';
import { at } from '../shapes.ts';
import { dtypeOf, type Expression, loadsOf, type Step } from './steps.ts';
import { mergedAxes, sizesOf, type Buffer, type View } from './views.ts';

export const C_TYPE: Readonly<Record<DType, string>> = { float32: 'float', int32: 'int32_t', bool: 'uint8_t' };

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

/** Functions of kernels.h and elementary.h. */
const FUNCTIONS: Partial<Record<PointwiseFunction, string>> = {
  abs: 'absolute',
  clip: 'clip',
  exp: 'exponential',
  log: 'logarithm',
  max: 'larger',
  min: 'smaller',
  pow: 'power',
  relu: 'relu',
  select: 'choose',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  sqrt: 'square_root',
  tanh: 'hyperbolic_tangent',
};

/** Functions that give one of their arguments. */
const CHOICES: ReadonlySet<PointwiseFunction | 'cast'> = new Set(['clip', 'max', 'min', 'select']);

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
export class LoopWriter {
  readonly #parameters = new Parameters();
  readonly #groups: readonly (readonly number[])[];
  readonly #tables: string[] = [];
  /** Zeros among which one is chosen. */
  readonly #zeros = new Map<string, string>();

  constructor(groups: readonly (readonly number[])[]) {
    this.#groups = groups;
  }

  /** Declares what is written. */
  target(buffer: Buffer): string {
    return this.#parameters.declare(buffer, 'y', true);
  }

  /** The function whose body these lines are. */
  finish(lines: readonly string[]): CFunction {
    const { buffers } = this.#parameters;
    const zeros = Array.from(this.#zeros, ([value, name]) => `const float ${name} = unknown(${value});`);
    return { parameters: this.#parameters.toString(), body: [...this.#tables, ...zeros, ...lines].join('\n'), buffers };
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
        const name = this.#parameters.declare(view.buffer, `x${this.#parameters.buffers.length}`);
        return `${name}[${this.index(view, rows)}]`;
      }
      case 'leakyRelu': {
        const alpha = literal(expression.alpha, 'float32');
        return `leaky_relu(${this.expression(expression.arg)}, ${alpha})`;
      }
      case 'call': {
        const { fn } = expression;
        const args = expression.args.map((arg) => (CHOICES.has(fn) ? this.#choice(arg) : this.expression(arg)));
        if (fn === 'cast') return cast(at(args, 0), dtypeOf(at(expression.args, 0)), expression.dtype);
        if (fn === 'neg') return `(-${at(args, 0)})`;
        if (fn === 'not') return `(!${at(args, 0)})`;
        const operator = OPERATORS[fn];
        return operator ? `(${args.join(` ${operator} `)})` : `${FUNCTIONS[fn]}(${args.join(', ')})`;
      }
    }
  }

  /** One of the values among which a function chooses: which zero that is must not depend on the compiler. */
  #choice(expression: Expression): string {
    const text = this.expression(expression);
    if (expression.kind !== 'literal' || expression.dtype !== 'float32' || expression.value !== 0) return text;
    const name = this.#zeros.get(text) ?? `zero${this.#zeros.size}`;
    this.#zeros.set(text, name);
    return name;
  }

  #rowTable(rows: readonly number[], variable: string): string {
    const name = `rows${this.#tables.length}`;
    this.#tables.push(`static const int32_t ${name}[] = {${rows.join()}};`);
    return `${name}[${variable}]`;
  }
}

function cast(value: string, from: DType, to: DType): string {
  if (to === 'bool') return `(${value} != 0)`;
  if (from === 'float32' && to === 'int32') return `integer(${value})`;
  return from === to ? value : `(${C_TYPE[to]})${value}`;
}

export const forLoop = (variable: string, size: number): string =>
  `for (long ${variable} = 0; ${variable} < ${size}; ${variable}++)`;

export const viewsOf = (expression: Expression): View[] => loadsOf(expression).map(({ view }) => view);

/** Rows that are chosen cannot be one axis with what is inside them. */
const joinable = (value: Expression) => {
  const chosen = loadsOf(value).some(({ rows }) => rows !== undefined);
  return (axis: number) => !chosen || axis > 0;
};

export function loopFunction({ target, value }: Step & { kind: 'loop' }): CFunction {
  const groups = mergedAxes(target.shape, [target, ...viewsOf(value)], joinable(value));
  const sizes = sizesOf(target.shape, groups);
  const writer = new LoopWriter(groups);
  const y = writer.target(target.buffer);
  const store = `${y}[${writer.index(target)}] = ${writer.expression(value)};`;
  const loops = sizes.map((size, group) => forLoop(`i${group}`, size));
  return writer.finish([...loops, store]);
}

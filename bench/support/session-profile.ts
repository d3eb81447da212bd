import { readFileSync } from 'node:fs';

/** Milliseconds that one run of a session spent in a kind of operator, or in products of one shape. */
export interface Part {
  readonly name: string;
  readonly count: number;
  readonly ms: number;
  /** Of products only. */
  readonly gflop?: number;
}

interface ProfiledEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

const PRODUCTS = new Set(['MatMul', 'FusedMatMul', 'Gemm']);

/**
 * Where the time of a session went.
 * @param file that ONNX Runtime's profiler has written
 * @param runs that count, the last ones
 * @param before runs before them that it watched, too
 */
export function partsOf(
  file: string,
  runs: number,
  before: number,
): { readonly operators: Part[]; readonly products: Part[] } {
  const events = JSON.parse(readFileSync(file, 'utf8')) as ProfiledEvent[];
  const watched = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
  const nodes = watched.slice((watched.length * before) / (runs + before));
  const operators = new Map<string, Part>();
  const products = new Map<string, Part>();
  for (const { dur, args = {} } of nodes) {
    const { op_name: name = '' } = args;
    const ms = dur / 1000 / runs;
    add(operators, { name, count: 1 / runs, ms });
    if (!PRODUCTS.has(name)) continue;
    const [a = [], b = []] = (args.input_type_shape ?? []).map((each) => Object.values(each)[0]);
    const [out = []] = (args.output_type_shape ?? []).map((each) => Object.values(each)[0]);
    const shape = `${a.join('×')} · ${b.join('×')} → ${out.join('×')}`;
    add(products, { name: shape, count: 1 / runs, ms, gflop: flopOf(a, out) / 1e9 / runs });
  }
  const slowestFirst = (parts: Map<string, Part>) => [...parts.values()].toSorted((x, y) => y.ms - x.ms);
  return { operators: slowestFirst(operators), products: slowestFirst(products) };
}

function add(parts: Map<string, Part>, part: Part): void {
  const { count = 0, ms = 0, gflop = 0 } = parts.get(part.name) ?? {};
  parts.set(part.name, {
    name: part.name,
    count: count + part.count,
    ms: ms + part.ms,
    ...(part.gflop !== undefined && { gflop: gflop + part.gflop }),
  });
}

/** Multiplications and additions of a product; which of its operands were transposed is not told, and makes no difference. */
function flopOf(a: readonly number[], out: readonly number[]): number {
  const size = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
  const rows = out.at(-2) ?? 1;
  const columns = out.at(-1) ?? 1;
  const depth = a.length === out.length ? (size(a) * columns) / size(out) : size(a) / rows;
  return 2 * size(out) * depth;
}

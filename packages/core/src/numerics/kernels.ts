import { WASM_BASE64 } from './kernels.generated.ts';

/** What `kernels/index.ts` exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly BLOCK_BYTES: WebAssembly.Global<'i32'>;
  readonly A: WebAssembly.Global<'i32'>;
  readonly B: WebAssembly.Global<'i32'>;
  readonly C: WebAssembly.Global<'i32'>;
  readonly D: WebAssembly.Global<'i32'>;
  readonly LEAF_BYTES: WebAssembly.Global<'i32'>;
  readonly LEAVES: WebAssembly.Global<'i32'>;
  add(length: number): void;
  checksumBegin(): void;
  checksumStripes(length: number): void;
  checksumEnd(begin: number, length: number, total: number): bigint;
  sumOfSquares(length: number): number;
  allWithin(length: number, bound: number): number;
  adam(length: number, scale: number, rate: number, gain1: number, gain2: number, epsilon: number): void;
  sgd(length: number, scale: number, rate: number): void;
  sgdMomentum(length: number, scale: number, rate: number, momentum: number): void;
  roots(length: number): void;
  squares(length: number): void;
  differences(length: number, scale: number): void;
  differencesOfRoots(length: number, scale: number): void;
  addScaled(length: number, scale: number): void;
  addScaledToRoots(length: number, scale: number): void;
  keepMask(
    first: number,
    blocks: number,
    index: number,
    step: number,
    stream: number,
    seed: number,
    seedHigh: number,
    lowBytes: number,
    dropBelow: number,
  ): void;
  encodeInt8(blocks: number): void;
  encodeInt8Stochastic(
    blocks: number,
    first: number,
    replica: number,
    round: number,
    stream: number,
    seed: number,
    seedHigh: number,
  ): void;
  decodeInt8(blocks: number): void;
  sumInt8(blocks: number, count: number): void;
  encodeBfloat16(length: number): void;
  decodeBfloat16(length: number): void;
}

/** The kernels, and the memory that they work on: a block of each vector at a time, copied in and out. */
interface Kernels extends Exports {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly c: Float32Array;
  readonly d: Float32Array;
  /** A once more, as bytes. */
  readonly bytes: Uint8Array;
  /** B once more, as bytes: where the numbers of A lie encoded. */
  readonly encoded: Uint8Array;
  /** Where `sumInt8` reads a leaf: a byte for each number of A, and behind them the exponents. */
  leaf(index: number): Uint8Array;
}

/** How many leaves `sumInt8` adds up at once. */
export const MAX_LEAVES = 8;

/** Made when they are first needed, once in every thread. */
let made: Kernels | undefined;

export function kernels(): Kernels {
  return (made ??= instantiate());
}

function instantiate(): Kernels {
  const wasm = Uint8Array.from(atob(WASM_BASE64), (character) => character.charCodeAt(0));
  const exports = new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports as unknown as Exports;
  const { memory, BLOCK_BYTES, A, B, C, D, LEAF_BYTES, LEAVES } = exports;
  const block = ({ value }: WebAssembly.Global<'i32'>) =>
    new Float32Array(memory.buffer, value, BLOCK_BYTES.value / Float32Array.BYTES_PER_ELEMENT);
  return {
    ...exports,
    a: block(A),
    b: block(B),
    c: block(C),
    d: block(D),
    bytes: new Uint8Array(memory.buffer, A.value, BLOCK_BYTES.value),
    encoded: new Uint8Array(memory.buffer, B.value, BLOCK_BYTES.value),
    leaf: (index) => new Uint8Array(memory.buffer, LEAVES.value + index * LEAF_BYTES.value, LEAF_BYTES.value),
  };
}

/**
 * Cuts a vector into parts that fit into a block.
 * @param part copies in, computes and copies out what lies from `begin` up to `end`
 */
export function inBlocks(length: number, part: (begin: number, end: number) => void): void {
  const { a } = kernels();
  for (let begin = 0; begin < length; begin += a.length) part(begin, Math.min(begin + a.length, length));
}

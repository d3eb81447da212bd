import { cosSinTurns, log } from './elementary.ts';
import { kernels } from './kernels.ts';
import { philox4x32 } from './philox.ts';

/**
 * Every random number of a run, each a pure function of (seed, stream, position). The 128-bit Philox counter is
 * (block, index, step, stream) and the key is the seed, so no two numbers of a run share a counter.
 */
export const Stream = {
  /** Initial kernels; index = tensor number in the manifest. */
  initialWeights: 0,
  /** Order of the data; index 0, step = epoch. */
  permutation: 1,
  /** Generator noise; index = sample in the batch. */
  noise: 2,
  /** The first two dropouts of the discriminator, on real (+0) and fake (+1) samples; index = sample in the batch. */
  dropout1: 3,
  dropout2: 5,
  /** Noise of sample grids and of `gantry generate`; index = picture. */
  pictures: 7,
  /** From here on: the further draws and dropouts of a model; index = sample in the batch. */
  further: 8,
  /** Stochastic rounding of what travels; index = replica, step = round. The last one: those of models count upwards. */
  rounding: 2 ** 16 - 1,
  /** Which samples are flipped; index = sample in the batch. */
  flip: 2 ** 16 - 2,
} as const;

/** Streams of one round of a step. Of the draws' stream word, the upper half counts a step's rounds. */
const STREAMS = 2 ** 16;

/** The stream word of a draw in a round of a step. @param iteration round of the step, from 0 */
export function streamAt(stream: number, iteration: number): number {
  return stream + iteration * STREAMS;
}

/** The upper bound of seeds: they are exact as doubles. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;

const TWO_POW_32 = 2 ** 32;
const words = new Uint32Array(4);
const cosSin = new Float64Array(2);

function word(i: number): number {
  return words[i] ?? 0;
}

/** The second word of a Philox key; the first is the seed modulo 2³². */
export function keyHigh(seed: number): number {
  return Math.floor(seed / TWO_POW_32);
}

/** Uniforms in the open interval (0, 1), in float32 up to 1: (word + ½) / 2³². One Philox block gives four. */
export function fillUniform(
  out: Float64Array | Float32Array,
  seed: number,
  stream: number,
  step: number,
  index: number,
): void {
  for (let i = 0; i < out.length; i += 4) {
    philox4x32(words, i >>> 2, index, step, stream, seed, keyHigh(seed));
    const end = Math.min(4, out.length - i);
    for (let j = 0; j < end; j++) out[i + j] = (word(j) + 0.5) / TWO_POW_32;
  }
}

/**
 * Standard normals as float32, by Box and Muller (1958): r·cos and r·sin of two uniforms.
 * Bit-identical on every JavaScript engine.
 */
export function fillNormal(out: Float32Array, seed: number, stream: number, step: number, index: number): void {
  for (let i = 0; i < out.length; i += 4) {
    philox4x32(words, i >>> 2, index, step, stream, seed, keyHigh(seed));
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = Math.sqrt(-2 * log((word(pair) + 0.5) / TWO_POW_32));
      cosSinTurns(word(pair + 1) / TWO_POW_32, cosSin);
      const at = i + pair;
      if (at < out.length) out[at] = radius * (cosSin[0] ?? 0);
      if (at + 1 < out.length) out[at + 1] = radius * (cosSin[1] ?? 0);
    }
  }
}

/** Decisions compare with a threshold of 16 bits. */
const THRESHOLDS = 65_536;
/** Offset of the block counter for the low bytes: far beyond the blocks of any mask. */
const LOW_BYTES = 0x8000_0000;
/** Decisions for which one Philox block holds the high bytes. */
const BLOCK_DECISIONS = 16;

/**
 * A dropout mask: 1 keeps an element, 0 drops it. Each decision compares 16 random bits with a threshold, so that an element is
 * dropped with the probability that is the nearest of n/65536: 0.3000031 for 0.3.
 * @param rate 0 … 0.99
 */
export function fillKeepMask(
  out: Uint8Array,
  rate: number,
  seed: number,
  stream: number,
  step: number,
  index: number,
): void {
  const kernel = kernels();
  const dropBelow = Math.round(rate * THRESHOLDS);
  const { length } = kernel.bytes;
  for (let begin = 0; begin < out.length; begin += length) {
    const end = Math.min(begin + length, out.length);
    const blocks = Math.ceil((end - begin) / BLOCK_DECISIONS);
    const first = begin / BLOCK_DECISIONS;
    kernel.keepMask(first, blocks, index, step, stream, seed, keyHigh(seed), LOW_BYTES, dropBelow);
    out.set(kernel.bytes.subarray(0, end - begin), begin);
  }
}

/**
 * The order of the data in an epoch: a Fisher–Yates shuffle of 0 … count−1.
 * The bound is applied by multiplication (Lemire 2019) without rejection: the bias is below count/2³².
 * @param epoch counted from 0
 */
export function epochPermutation(seed: number, epoch: number, count: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const uniform = new Float64Array(count);
  fillUniform(uniform, seed, Stream.permutation, epoch, 0);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((uniform[i] ?? 0) * (i + 1));
    const swapped = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = swapped;
  }
  return order;
}

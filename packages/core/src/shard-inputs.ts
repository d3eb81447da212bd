import { IMAGE_PIXELS, MASK_1_SHAPE, MASK_2_SHAPE, NOISE_SIZE } from './dimensions.ts';
import { Stream, fillKeepMask, fillNormal } from './random.ts';
import type { ShardWork } from './engine.ts';

/** The values of `stepInputSpecs(samples)`, row-major. */
export interface ShardInputs {
  /** B */
  readonly samples: number;
  /** [B,28,28,1] in [−1, 1] */
  readonly images: Float32Array;
  /** [B,100] */
  readonly noise: Float32Array;
  /** [2B,14,14,64] of 0 and 1: real samples first, then fake */
  readonly mask1: Uint8Array;
  /** [2B,7,7,128] */
  readonly mask2: Uint8Array;
}

const MASK_1_SIZE = MASK_1_SHAPE.reduce((product, side) => product * side, 1);
const MASK_2_SIZE = MASK_2_SHAPE.reduce((product, side) => product * side, 1);

/** Builds a shard's inputs. Sample i of the batch draws the same noise and masks however the batch is cut. */
export function shardInputs({ step, first, images }: ShardWork, seed: number): ShardInputs {
  const samples = images.length / IMAGE_PIXELS;
  const noise = new Float32Array(samples * NOISE_SIZE);
  const mask1 = new Uint8Array(2 * samples * MASK_1_SIZE);
  const mask2 = new Uint8Array(2 * samples * MASK_2_SIZE);
  for (let i = 0; i < samples; i++) {
    const sample = first + i;
    fillNormal(noise.subarray(i * NOISE_SIZE, (i + 1) * NOISE_SIZE), seed, Stream.noise, step, sample);
    for (const fake of [0, 1]) {
      const row = fake * samples + i;
      fillKeepMask(
        mask1.subarray(row * MASK_1_SIZE, (row + 1) * MASK_1_SIZE),
        seed,
        Stream.dropout1 + fake,
        step,
        sample,
      );
      fillKeepMask(
        mask2.subarray(row * MASK_2_SIZE, (row + 1) * MASK_2_SIZE),
        seed,
        Stream.dropout2 + fake,
        step,
        sample,
      );
    }
  }
  return { samples, images: scalePixels(images), noise, mask1, mask2 };
}

/** (p − 127.5) / 127.5: pixels 0–255 to [−1, 1]. */
export function scalePixels(pixels: Uint8Array): Float32Array {
  return Float32Array.from(pixels, (p) => (p - 127.5) / 127.5);
}

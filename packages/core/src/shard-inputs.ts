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

/** Memory for the inputs of a shard, in zeros. */
function newShardInputs(samples: number): ShardInputs {
  return {
    samples,
    images: new Float32Array(samples * IMAGE_PIXELS),
    noise: new Float32Array(samples * NOISE_SIZE),
    mask1: new Uint8Array(2 * samples * MASK_1_SIZE),
    mask2: new Uint8Array(2 * samples * MASK_2_SIZE),
  };
}

/**
 * Builds a shard's inputs. Sample i of the batch draws the same noise and masks however the batch is cut.
 * @param into memory of as many samples, all of it overwritten
 */
export function shardInputs(
  { step, first, images }: ShardWork,
  seed: number,
  into = newShardInputs(images.length / IMAGE_PIXELS),
): ShardInputs {
  const { samples, noise, mask1, mask2 } = into;
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
  scalePixels(images, into.images);
  return into;
}

/** (p − 127.5) / 127.5: pixels 0–255 to [−1, 1]. */
export function scalePixels(pixels: Uint8Array, into: Float32Array = new Float32Array(pixels.length)): Float32Array {
  for (let i = 0; i < pixels.length; i++) into[i] = ((pixels[i] as number) - 127.5) / 127.5;
  return into;
}

import { fillUniform } from '@gantry/core';
import type { Picture } from './laplacian-pyramid.ts';

/** Where random patches come from. Different streams and steps are drawn independently. */
export interface Draw {
  readonly seed: number;
  readonly stream: number;
  readonly step: number;
}

/** Below it, the values of a channel are alike: an 8-bit step of −1 … 1 is 0.008. */
const LEAST_DEVIATION = 1e-6;

/**
 * Square patches of pictures at random places, each place as likely as another.
 * @param pictureAt the picture of an index; all are of one size. One at a time is asked for
 * @param count of pictures, 1 or more
 * @param side of the patches in pixels, at most that of the pictures
 * @param perPicture how many of each
 * @returns [count·perPicture,side,side,channels]
 */
export function randomPatches(
  pictureAt: (index: number) => Picture,
  count: number,
  side: number,
  perPicture: number,
  { seed, stream, step }: Draw,
): Float32Array<ArrayBuffer> {
  const { height, width, channels } = pictureAt(0);
  const out = new Float32Array(count * perPicture * side * side * channels);
  const places = new Float64Array(2 * perPicture);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const { values } = pictureAt(index);
    fillUniform(places, seed, stream, step, index);
    for (let patch = 0; patch < perPicture; patch++) {
      const top = Math.floor((places[2 * patch] as number) * (height - side + 1));
      const left = Math.floor((places[2 * patch + 1] as number) * (width - side + 1));
      for (let y = top; y < top + side; y++) {
        const begin = (y * width + left) * channels;
        for (let i = begin; i < begin + side * channels; i++) out[at++] = values[i] as number;
      }
    }
  }
  return out;
}

/**
 * Gives each channel the mean 0 and the standard deviation 1 over the whole set, in place. A channel whose values are all
 * alike becomes 0.
 * @param values [...,channels]
 * @throws RangeError if a number is not finite
 */
export function normalizeChannels(values: Float32Array, channels: number): void {
  const count = values.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    for (let i = channel; i < values.length; i += channels) sum += values[i] as number;
    const mean = sum / count;
    let squares = 0;
    for (let i = channel; i < values.length; i += channels) {
      const centred = (values[i] as number) - mean;
      squares += centred * centred;
    }
    const deviation = Math.sqrt(squares / count);
    if (!Number.isFinite(deviation)) throw new RangeError(`channel ${channel} has a number that is not finite`);
    const scale = deviation < LEAST_DEVIATION ? 0 : 1 / deviation;
    for (let i = channel; i < values.length; i += channels) values[i] = ((values[i] as number) - mean) * scale;
  }
}

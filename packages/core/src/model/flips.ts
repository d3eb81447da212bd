import { Stream, fillUniform, streamAt } from '../numerics/random.ts';
import type { Batch } from '../training/unit.ts';
import type { ImageShape } from '../formats/image-set.ts';

/**
 * The images of a batch, about half of them flipped horizontally. Which ones is a pure function of (seed, step, iteration, place in
 * the global batch), so that it is no matter who computes them, and images that are kept stay what they are.
 * @param data of all images, one after the other; what a sample has behind its image, which is its label, stays
 * @param shape [height, width, channels]
 */
export function flipped(
  { step, iteration, first, samples }: Batch,
  data: Uint8Array,
  seed: number,
  [height, width, channels]: ImageShape,
): Uint8Array<ArrayBuffer> {
  const images = Uint8Array.from(data);
  const size = height * width * channels;
  const sample = images.length / samples;
  for (let i = 0; i < samples; i++) {
    if (isFlipped(seed, step, iteration, first + i))
      flipRows(images.subarray(i * sample, i * sample + size), width, channels);
  }
  return images;
}

/** @param sample place in the global batch of the round */
function isFlipped(seed: number, step: number, iteration: number, sample: number): boolean {
  const drawn = new Float64Array(1);
  fillUniform(drawn, seed, streamAt(Stream.flip, iteration), step, sample);
  return (drawn[0] ?? 0) < 0.5;
}

/** Mirrors each row of an image, in place. */
function flipRows(image: Uint8Array, width: number, channels: number): void {
  const row = width * channels;
  for (let begin = 0; begin < image.length; begin += row) {
    for (let left = begin, right = begin + row - channels; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const kept = image[left + channel] ?? 0;
        image[left + channel] = image[right + channel] ?? 0;
        image[right + channel] = kept;
      }
    }
  }
}

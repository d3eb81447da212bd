import { Stream, fillUniform, streamAt, type ImageShape, type Scheme, type Unit } from '@gantry/core';

/**
 * A scheme whose samples are flipped horizontally, about half of them. Which ones is a pure function of (seed, step, iteration,
 * place in the global batch), and is decided where units are made: workers know nothing of it.
 */
export function flipped(scheme: Scheme, seed: number, shape: ImageShape): Scheme {
  return {
    rounds: scheme.rounds,
    steps: scheme.steps,
    roundOf: (step) => scheme.roundOf(step),
    units: (round) => scheme.units(round).map((unit) => flippedUnit(unit, seed, shape)),
    publish: (state) => scheme.publish(state),
    contributionLength: (round) => scheme.contributionLength(round),
    apply: (state, round, sum) => scheme.apply(state, round, sum),
  };
}

function flippedUnit(unit: Unit, seed: number, shape: ImageShape): Unit {
  const data = unit.data.slice();
  const [height, width, channels] = shape;
  const size = height * width * channels;
  let begin = 0;
  for (const { step, iteration, first, samples } of unit.batches) {
    for (let i = 0; i < samples; i++, begin += size) {
      if (isFlipped(seed, step, iteration, first + i)) flipRows(data.subarray(begin, begin + size), width, channels);
    }
  }
  return { ...unit, data };
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

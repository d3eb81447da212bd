import * as tf from '@tensorflow/tfjs-core';
import { GantryError } from '@gantry/core';
import type { Augmentation } from './augmentation.ts';

/** What `diffAugment` changes; nothing by default. */
export interface DiffAugment {
  /** Brightness by −0.5 … 0.5, saturation by a factor of 0 … 2, contrast by a factor of 0.5 … 1.5. Default: false. */
  readonly colour?: boolean;
  /** Moves images by up to this share of each side, in whole pixels, and fills with 0. The paper takes 0.125. Default: 0. */
  readonly translation?: number;
  /** Sets a rectangle with this share of each side to 0. The paper takes 0.5. Default: 0. */
  readonly cutout?: number;
  /** Flips half of the images horizontally; the paper does that elsewhere. Default: false. */
  readonly flip?: boolean;
}

/** Places of the uniforms in a row of the draw: each option has its own, so that none changes what another one draws. */
const UNIFORMS = {
  brightness: 0,
  saturation: 1,
  contrast: 2,
  flip: 3,
  down: 4,
  right: 5,
  cutDown: 6,
  cutRight: 7,
} as const;
const ROW = { from: 'uniform', shape: [Object.keys(UNIFORMS).length] } as const;

/** Uniforms may be 1 in float32, where whole numbers are made of them. */
const LARGEST_BELOW_1 = 1 - 2 ** -24;

/**
 * The differentiable augmentation of Zhao et al. (2020, https://arxiv.org/abs/2006.10738), with the numbers of their program: it
 * keeps a discriminator from learning few images by heart. Colours change first, then places. Draws follow from the sample, as
 * all others do.
 * @throws GantryError E_CONFIG that names the option at fault
 */
export function diffAugment(options: DiffAugment): Augmentation {
  requireSound(options);
  const { colour = false, translation = 0, cutout = 0, flip = false } = options;
  return {
    draws: { augmentReal: ROW, augmentFake: ROW },
    apply(images, drawn) {
      /** One number for each image [B,1,1,1]. */
      const uniform = (of: keyof typeof UNIFORMS) =>
        tf.reshape(tf.slice(drawn, [0, UNIFORMS[of]], [-1, 1]), [images.shape[0] ?? 0, 1, 1, 1]);
      let changed = images;
      if (colour) changed = withColour(changed, uniform);
      if (flip || translation > 0) changed = moved(changed, uniform, translation, flip);
      if (cutout > 0) changed = tf.mul(changed, aroundCut(changed, uniform, cutout));
      return changed;
    },
  };
}

type Uniform = (of: keyof typeof UNIFORMS) => tf.Tensor;

function withColour(images: tf.Tensor, uniform: Uniform): tf.Tensor {
  let changed = tf.add(images, tf.sub(uniform('brightness'), 0.5));
  // Grey has no saturation.
  if (images.shape[3] !== 1) changed = awayFrom(tf.mean(changed, 3, true), changed, tf.mul(uniform('saturation'), 2));
  return awayFrom(tf.mean(changed, [1, 2, 3], true), changed, tf.add(uniform('contrast'), 0.5));
}

/** Distances from a mean, multiplied. */
const awayFrom = (mean: tf.Tensor, images: tf.Tensor, factor: tf.Tensor) =>
  tf.add(tf.mul(tf.sub(images, mean), factor), mean);

/** Flips and moves by products with matrices of 0 and 1, one for each image and axis, which change no bit of a pixel. */
function moved(images: tf.Tensor, uniform: Uniform, translation: number, flip: boolean): tf.Tensor {
  const [samples = 0, height = 0, width = 0, channels = 0] = images.shape;
  const isFlipped = flip ? tf.cast(tf.less(uniform('flip'), 0.5), 'float32') : undefined;
  const columns = sources(width, tf.reshape(uniform('right'), [samples, 1, 1]), translation, isFlipped);
  const transposed = tf.reshape(tf.transpose(images, [0, 2, 1, 3]), [samples, width, height * channels]);
  const sideways = tf.reshape(tf.matMul(columns, transposed), [samples, width, height, channels]);
  const upright = tf.transpose(sideways, [0, 2, 1, 3]); // [B,height,width,channels]
  if (translation === 0) return upright;
  const rows = sources(height, tf.reshape(uniform('down'), [samples, 1, 1]), translation);
  return tf.reshape(tf.matMul(rows, tf.reshape(upright, [samples, height, width * channels])), images.shape);
}

/**
 * Which pixel of a line comes to which place: [B,side,side], 1 where the place of a row takes the pixel of a column.
 * @param uniform [B,1,1]
 * @param isFlipped [B,1,1,1] of 0 and 1; absent: none is
 */
function sources(side: number, uniform: tf.Tensor, translation: number, isFlipped?: tf.Tensor): tf.Tensor {
  const most = Math.floor(side * translation + 0.5);
  const shift = tf.sub(wholeBelow(uniform, 2 * most + 1), most); // −most … most
  const place = counted(side, [1, side, 1]);
  const pixel = counted(side, [1, 1, side]);
  const mirrored = isFlipped && tf.mul(tf.reshape(isFlipped, [-1, 1, 1]), tf.sub(side - 1, tf.mul(pixel, 2)));
  return tf.cast(tf.equal(tf.add(shift, place), mirrored ? tf.add(pixel, mirrored) : pixel), 'float32');
}

/** 0 in a rectangle and 1 around it: [B,height,width,1]. Its middle is anywhere, so that a part of it may lie outside. */
function aroundCut({ shape }: tf.Tensor, uniform: Uniform, cutout: number): tf.Tensor {
  const [, height = 0, width = 0] = shape;
  const line = (side: number, of: keyof typeof UNIFORMS) => {
    const size = Math.floor(side * cutout + 0.5);
    const middle = wholeBelow(uniform(of), side + (1 - (size % 2)));
    const before = Math.floor(size / 2);
    return (place: tf.Tensor) => isWithin(tf.sub(place, middle), -before, size - before);
  };
  const rows = line(height, 'cutDown')(counted(height, [1, height, 1, 1]));
  const columns = line(width, 'cutRight')(counted(width, [1, 1, width, 1]));
  return tf.sub(1, tf.mul(rows, columns));
}

/** 0 … count − 1, doubled until there are enough: programs have no constants of several numbers. */
function counted(count: number, shape: number[]): tf.Tensor {
  let numbers: tf.Tensor = tf.zeros([1]);
  for (let size = 1; size < count; size *= 2) numbers = tf.concat([numbers, tf.add(numbers, size)]);
  return tf.reshape(tf.slice(numbers, [0], [count]), shape);
}

/** Uniforms to whole numbers, 0 … count − 1, each as often. */
const wholeBelow = (uniform: tf.Tensor, count: number) =>
  tf.cast(tf.cast(tf.mul(tf.minimum(uniform, LARGEST_BELOW_1), count), 'int32'), 'float32');

/** 1 where from ≤ x < end, else 0. */
const isWithin = (x: tf.Tensor, from: number, end: number) =>
  tf.cast(tf.logicalAnd(tf.greaterEqual(x, from), tf.less(x, end)), 'float32');

/** What each option has to be. */
const OPTIONS: Readonly<Record<keyof DiffAugment, 'boolean' | 'share'>> = {
  colour: 'boolean',
  translation: 'share',
  cutout: 'share',
  flip: 'boolean',
};

/** @throws GantryError E_CONFIG for what JavaScript lets pass */
function requireSound(options: DiffAugment): void {
  const wrong = (problem: string) => new GantryError('E_CONFIG', `diffAugment: ${problem}`);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const kind = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof DiffAugment] : undefined;
    if (!kind) throw wrong(`it takes no '${name}': there are ${Object.keys(OPTIONS).join(', ')}`);
    if (value === undefined) continue;
    if (kind === 'boolean' && typeof value !== 'boolean')
      throw wrong(`${name} is ${JSON.stringify(value)}: true or false`);
    if (kind === 'share' && !(typeof value === 'number' && value >= 0 && value <= 1)) {
      throw wrong(`${name} is ${JSON.stringify(value)}, and has to be a share of a side, from 0 to 1`);
    }
  }
}

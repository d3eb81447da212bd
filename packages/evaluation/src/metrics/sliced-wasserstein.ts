import { fillNormal } from '@gantry/core';
import type { Pictures } from '../pictures/pictures.ts';
import { pyramidLevel, pyramidSizes, type Picture } from './laplacian-pyramid.ts';
import { normalizeChannels, randomPatches } from './patches.ts';
import { plainProducts } from './products.ts';
import { sortFloats } from './radix-sort.ts';

/** How far the patches of two sets of pictures are from each other. */
export interface SlicedWasserstein {
  /** The mean of the levels. */
  readonly distance: number;
  /** From the finest to the coarsest. */
  readonly levels: readonly {
    /** The smaller side of the level's pictures in pixels. */
    readonly side: number;
    /** Mean absolute difference in thousandths of the patches' standard deviation. */
    readonly distance: number;
  }[];
}

/** How much is drawn. */
export interface SlicedWassersteinOptions {
  /** Patches of each picture, 1 or more; 16 if nothing is said. The paper has 128. */
  readonly patches?: number;
  /** Directions, 1 or more; 512 if nothing is said, the paper's 4 × 128. */
  readonly directions?: number;
}

/** The largest side of a patch. */
const PATCH_SIDE = 7;
const THOUSANDTHS = 1000;

/** Streams beyond those of a run, whose rounds do not get that far: evaluations share no number with it. */
const Streams = { a: 0xffff_0000, b: 0xffff_0001, directions: 0xffff_0002 } as const;

/** Patches, and directions, that are multiplied at a time, so that memory stays bounded. */
const PATCH_BLOCK = 500;
const DIRECTION_BLOCK = 64;

/**
 * The sliced Wasserstein distance of two sets of pictures after Karras et al. (2018), https://arxiv.org/abs/1710.10196,
 * section 5: on each level of their Laplacian pyramids (see `pyramidLevel`), random patches of 7×7 pixels, or as large as the
 * pictures are, of either set, drawn independently; each channel with mean 0 and deviation 1 over its set; the mean of the
 * Wasserstein distances of their projections to random directions. 0 is for equal distributions, but even two draws of the
 * same pictures are a few units apart. All that is drawn follows from the seed: equal arguments give equal bits everywhere.
 *
 * Of the larger set, only as many pictures count as the smaller one has, the first ones.
 *
 * @param a 1 picture or more, grey or in colours, of any size
 * @param b 1 picture or more of the same size
 * @param seed 0 … 2⁵³ − 1
 * @throws RangeError if the sets do not go together, are empty or have a number that is not finite
 */
export function slicedWasserstein(
  a: Pictures,
  b: Pictures,
  seed: number,
  { patches = 16, directions = 512 }: SlicedWassersteinOptions = {},
): SlicedWasserstein {
  requirePositive({ patches, directions });
  const [first, second] = [extentsOf(a), extentsOf(b)];
  const { height, width, channels } = first;
  if (height !== second.height || width !== second.width || channels !== second.channels) {
    throw new RangeError(`pictures [${a.shape.join()}] and [${b.shape.join()}] are of different sizes`);
  }
  const count = Math.min(first.count, second.count);
  const sizes = pyramidSizes(height, width);
  const levels = sizes.map((size, level) => {
    const side = Math.min(size.height, size.width);
    const patchSide = Math.min(PATCH_SIDE, side);
    const dimensions = patchSide * patchSide * channels;
    const descriptors = ({ values }: Pictures, stream: number) => {
      const picture = pictureIn(values, first);
      const levelOf = (index: number) => pyramidLevel(picture(index), level, sizes.length);
      const drawn = randomPatches(levelOf, count, patchSide, patches, { seed, stream, step: level });
      normalizeChannels(drawn, channels);
      return drawn;
    };
    const along = randomDirections(directions, dimensions, seed, level);
    const distance = meanDistance(descriptors(a, Streams.a), descriptors(b, Streams.b), along, dimensions);
    return { side, distance: distance * THOUSANDTHS };
  });
  return { distance: levels.reduce((sum, { distance }) => sum + distance, 0) / levels.length, levels };
}

interface Extents {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function extentsOf({ shape, values }: Pictures): Extents {
  const [count = 0, height = 0, width = 0, channels = 0] = shape;
  const numbers = count * height * width * channels;
  if (shape.length !== 4 || numbers === 0) throw new RangeError(`[${shape.join()}] is the shape of no pictures`);
  if (numbers !== values.length) throw new RangeError(`${values.length} numbers for pictures [${shape.join()}]`);
  return { count, height, width, channels };
}

function requirePositive(counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`${value} ${name}, where 1 or more are needed`);
  }
}

function pictureIn(values: Float32Array, { height, width, channels }: Extents): (index: number) => Picture {
  const size = height * width * channels;
  return (index) => {
    const pixels = new Float64Array(values.subarray(index * size, (index + 1) * size));
    return { height, width, channels, values: pixels };
  };
}

/** Directions of length 1, each as likely as another. @returns [count,size] */
function randomDirections(count: number, size: number, seed: number, level: number): Float32Array {
  const directions = new Float32Array(count * size);
  for (let index = 0; index < count; index++) {
    const direction = directions.subarray(index * size, (index + 1) * size);
    fillNormal(direction, seed, Streams.directions, level, index);
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
    direction.forEach((value, i) => (direction[i] = value / length));
  }
  return directions;
}

/** The mean over the directions of the Wasserstein distance of two sets of as many vectors, [count,size] each. */
function meanDistance(a: Float32Array, b: Float32Array, directions: Float32Array, size: number): number {
  const count = a.length / size;
  let sum = 0;
  for (let begin = 0; begin < directions.length; begin += DIRECTION_BLOCK * size) {
    const block = directions.subarray(begin, begin + DIRECTION_BLOCK * size);
    const [projectedA, projectedB] = [sortedProjections(a, block, size), sortedProjections(b, block, size)];
    for (let i = 0; i < projectedA.length; i++) {
      sum += Math.abs((projectedA[i] as number) - (projectedB[i] as number));
    }
  }
  return sum / count / (directions.length / size);
}

/** @returns [directions,vectors], ascending along each direction */
function sortedProjections(vectors: Float32Array, directions: Float32Array, size: number): Float32Array {
  const count = vectors.length / size;
  const out = new Float32Array((directions.length / size) * count);
  for (let begin = 0; begin < count; begin += PATCH_BLOCK) {
    const part = vectors.subarray(begin * size, (begin + PATCH_BLOCK) * size);
    const products = plainProducts(directions, part, size);
    const width = part.length / size;
    for (let row = 0; row * width < products.length; row++) {
      out.set(products.subarray(row * width, (row + 1) * width), row * count + begin);
    }
  }
  const scratch = new Uint32Array(count);
  for (let begin = 0; begin < out.length; begin += count) sortFloats(out.subarray(begin, begin + count), scratch);
  return out;
}

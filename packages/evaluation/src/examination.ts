import { GantryError, Stream, fillUniform, sizeOf, takeImages, type ImageSet, type Measures } from '@gantry/core';
import { compiledProducts } from './compiled-products.ts';
import { FEATURES } from './features/classifier.ts';
import { FeatureExtractor, type FeatureSource, type Features } from './features/feature-extractor.ts';
import { measuresOf, patchDistance } from './judge.ts';
import { momentsOf, type Moments } from './metrics/moments.ts';
import { nearestDistances, precisionAndRecall } from './metrics/neighbours.ts';
import type { Products } from './metrics/products.ts';
import type { PictureEngine } from './picture-engines.ts';
import type { Pictures } from './pictures/pictures.ts';
import { realPictures } from './pictures/real-pictures.ts';

/** As in Kynkäänniemi et al. (2019). */
const NEIGHBOURS = 3;
/** With fewer pictures, figures mean nothing. */
export const FEWEST = 10;

/** All that is told of pictures, at the leisure of a command. */
export interface Findings extends Measures {
  /** Part of the pictures that lie among the held-out images, 0 … 1 (Kynkäänniemi et al. 2019, k = 3): how good they are. */
  readonly precision?: number;
  /** Part of the held-out images that lie among the pictures, 0 … 1: how much of what there is they show. */
  readonly recall?: number;
  /**
   * Distance of features to those of the nearest training image, the median: near 0 where training images were learnt by heart,
   * and about that of held-out images where they were not.
   */
  readonly nearestTraining?: number;
  /** From the finest to the coarsest level of the pictures' pyramids; their mean is the sliced Wasserstein distance. */
  readonly levels?: readonly { readonly side: number; readonly distance: number }[];
}

export interface ExaminationSource {
  readonly training: ImageSet;
  /** Real images that training does not see; absent: those of the training take their place, and there is no floor. */
  readonly heldOut: ImageSet | undefined;
  /** Absent: by patches. */
  readonly features?: FeatureSource | undefined;
  readonly engine: PictureEngine;
}

type Parts = AsyncIterable<Pictures> | Iterable<Pictures>;

/** Says all there is to say of pictures. Equal pictures give equal bits. */
export interface Examination {
  /**
   * @param parts of `count` pictures, `FEWEST` at least and `most` at most
   * @param asked they are of so many classes in turn; absent: of none that was asked for
   */
  examine(parts: Parts, count: number, asked?: number): Promise<Findings>;
  /** Pictures that it can take into account at most. */
  readonly most: number;
  /**
   * What training images come to, as if they were generated, as many or all that there are; `nearestTraining` is that of held-out
   * images. Undefined where there are no held-out images, or too few of the others.
   */
  floor(count: number): Promise<Findings | undefined>;
  /** Of what `examine` was given last: [count, 64] and [count, 10]; undefined without a classifier. */
  readonly last: Features | undefined;
  /** Of the held-out images. */
  readonly real: Features | undefined;
  dispose(): Promise<void>;
}

/** @throws GantryError E_DATASET if the classifier takes other images or there are too few, E_ENGINE if nothing can compute */
export async function openExamination({
  training,
  heldOut,
  features,
  engine,
}: ExaminationSource): Promise<Examination> {
  const compared = heldOut ?? training;
  if (compared.count < FEWEST) {
    throw new GantryError('E_DATASET', `${compared.count} images are too few to compare with: ${FEWEST} at least`);
  }
  if (!features) return new PatchExamination(training, heldOut);
  const extractor = new FeatureExtractor(features, engine);
  const real = await extractor.extract(realPictures(compared), compared.count);
  const images = { training, areHeldOut: heldOut !== undefined };
  return new FeatureExamination(features.name, extractor, real, images, await compiledProducts(FEATURES, engine));
}

class FeatureExamination implements Examination {
  readonly most = Infinity;
  readonly #name: string;
  readonly #extractor: FeatureExtractor;
  readonly real: Features;
  readonly #moments: Moments;
  readonly #images: ImageSet;
  /** Whether the real images are others than those of the training. */
  readonly #areHeldOut: boolean;
  readonly #products: Products;
  /** Features of all training images. */
  #training: Promise<Features> | undefined;
  last: Features | undefined;

  constructor(
    name: string,
    extractor: FeatureExtractor,
    real: Features,
    { training, areHeldOut }: { readonly training: ImageSet; readonly areHeldOut: boolean },
    products: Products,
  ) {
    this.#name = name;
    this.#extractor = extractor;
    this.real = real;
    this.#moments = momentsOf(real.features, FEATURES);
    this.#images = training;
    this.#areHeldOut = areHeldOut;
    this.#products = products;
  }

  async examine(parts: Parts, count: number, asked?: number): Promise<Findings> {
    const seen = await this.#extractor.extract(parts, count);
    this.last = seen;
    return { ...(await this.#findings(seen, asked)), nearestTraining: await this.#nearestTraining(seen) };
  }

  async floor(count: number): Promise<Findings | undefined> {
    const used = Math.min(count, this.#images.count);
    if (!this.#areHeldOut || used < FEWEST) return undefined;
    const { features, logits } = await this.#trained();
    const part = {
      count: used,
      features: features.subarray(0, used * FEATURES),
      logits: logits.subarray(0, (used * logits.length) / this.#images.count),
    };
    // A training image is its own nearest one: those that were held out are what compares.
    return { ...(await this.#findings(part)), nearestTraining: await this.#nearestTraining(this.real) };
  }

  dispose(): Promise<void> {
    return this.#extractor.dispose();
  }

  async #findings(seen: Features, asked?: number): Promise<Findings> {
    const among = await precisionAndRecall(this.real.features, seen.features, FEATURES, NEIGHBOURS, this.#products);
    return { features: this.#name, samples: seen.count, ...measuresOf(seen, this.#moments, asked), ...among };
  }

  async #nearestTraining({ features }: Features): Promise<number> {
    const training = await this.#trained();
    return median(await nearestDistances(features, training.features, FEATURES, this.#products));
  }

  #trained(): Promise<Features> {
    this.#training ??= this.#extractor.extract(realPictures(this.#images), this.#images.count);
    return this.#training;
  }
}

class PatchExamination implements Examination {
  readonly most: number;
  readonly #training: ImageSet;
  readonly #heldOut: ImageSet | undefined;
  readonly last: undefined;
  readonly real: undefined;

  constructor(training: ImageSet, heldOut: ImageSet | undefined) {
    this.#training = training;
    this.#heldOut = heldOut;
    // As many are compared with as many.
    this.most = (heldOut ?? training).count;
  }

  async examine(parts: Parts, count: number): Promise<Findings> {
    const { distance, levels } = await patchDistance(parts, this.#heldOut ?? this.#training, count);
    return { features: 'patches', samples: count, slicedWassersteinDistance: distance, levels };
  }

  async floor(count: number): Promise<Findings | undefined> {
    const used = Math.min(count, this.#training.count);
    if (!this.#heldOut || used < FEWEST) return undefined;
    return this.examine(realPictures(takeImages(this.#training, used)), used);
  }

  async dispose(): Promise<void> {
    // Nothing is kept.
  }
}

/** Pictures of nothing but noise, each pixel uniform in [−1, 1]: the ceiling. @param shape of one picture */
export function* noisePictures(shape: readonly number[], count: number): Generator<Pictures> {
  const uniform = new Float64Array(sizeOf(shape));
  for (let i = 0; i < count; i++) {
    fillUniform(uniform, 0, Stream.pictures, NOISE_DRAW, i);
    yield { shape: [1, ...shape], values: Float32Array.from(uniform, (u) => 2 * u - 1) };
  }
}

/** A place among draws that nothing else has. */
const NOISE_DRAW = 2 ** 32 - 2;

/** The middle one, or the mean of the two. @param values at least one */
function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2;
}

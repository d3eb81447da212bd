import { takeImages, type ImageSet, type Measures } from '@gantry/core';
import { CLASSES, FEATURES } from './features/classifier.ts';
import { FeatureExtractor, type FeatureSource, type Features } from './features/feature-extractor.ts';
import { agreement, classShares, entropy, score, softmax } from './metrics/classes.ts';
import { frechetDistance } from './metrics/frechet.ts';
import { momentsOf, type Moments } from './metrics/moments.ts';
import { slicedWasserstein, type SlicedWasserstein } from './metrics/sliced-wasserstein.ts';
import type { PictureEngine } from './picture-engines.ts';
import { joinedPictures } from './pictures/joined-pictures.ts';
import { labelInTurn } from './pictures/label-in-turn.ts';
import type { Pictures } from './pictures/pictures.ts';
import { realPictures } from './pictures/real-pictures.ts';

/** Of the patches and directions: the same for all pictures that are compared. */
const PATCH_SEED = 0;

/** What pictures are judged by, as data: it can be sent to another thread. */
export interface JudgeSource {
  /** Real images that training does not see, where there are some. */
  readonly heldOut: ImageSet;
  /** Absent: by their patches. */
  readonly features?: FeatureSource | undefined;
}

/** Says how good pictures are. */
export interface Judge {
  /** Pictures that it can take into account at most. */
  readonly most: number;
  /**
   * @param parts of `count` pictures, `most` at most
   * @param asked they are of so many classes in turn; absent: of none that was asked for
   */
  judge(parts: AsyncIterable<Pictures> | Iterable<Pictures>, count: number, asked?: number): Promise<Measures>;
}

export function judgeBy({ heldOut, features }: JudgeSource, engine: PictureEngine): Judge {
  return features ? new FeatureJudge(heldOut, features, engine) : new PatchJudge(heldOut);
}

/** By features of a classifier. */
class FeatureJudge implements Judge {
  readonly most = Infinity;
  readonly #extractor: FeatureExtractor;
  readonly #name: string;
  readonly #heldOut: ImageSet;
  /** Of the held-out images. */
  #moments: Moments | undefined;

  constructor(heldOut: ImageSet, source: FeatureSource, engine: PictureEngine) {
    this.#extractor = new FeatureExtractor(source, engine);
    this.#name = source.name;
    this.#heldOut = heldOut;
  }

  async judge(parts: AsyncIterable<Pictures> | Iterable<Pictures>, count: number, asked?: number): Promise<Measures> {
    const moments = (this.#moments ??= await this.#momentsOfHeldOut());
    const features = await this.#extractor.extract(parts, count);
    return { features: this.#name, samples: count, ...measuresOf(features, moments, asked) };
  }

  async #momentsOfHeldOut(): Promise<Moments> {
    const { features } = await this.#extractor.extract(realPictures(this.#heldOut), this.#heldOut.count);
    return momentsOf(features, FEATURES);
  }
}

/**
 * What a feature network's judgement comes to.
 * @param real of held-out images
 * @param asked the pictures are of so many classes in turn; where it tells other classes apart, it cannot say how many are right
 */
export function measuresOf({ features, logits }: Features, real: Moments, asked?: number) {
  const probabilities = softmax(logits, CLASSES);
  const shares = classShares(probabilities, CLASSES);
  return {
    frechetDistance: frechetDistance(momentsOf(features, FEATURES), real),
    score: score(probabilities, CLASSES),
    classEntropy: entropy(shares),
    classShares: shares,
    ...(asked === CLASSES && {
      labelAgreement: agreement(probabilities, CLASSES, (sample) => labelInTurn(sample, CLASSES)),
    }),
  } satisfies Partial<Measures>;
}

/** How far pictures are from the first real images, as many. @param parts of `count` pictures, as many as there are images at most */
export async function patchDistance(
  parts: AsyncIterable<Pictures> | Iterable<Pictures>,
  real: ImageSet,
  count: number,
): Promise<SlicedWasserstein> {
  const images = await joinedPictures(realPictures(takeImages(real, count)), count);
  return slicedWasserstein(await joinedPictures(parts, count), images, PATCH_SEED);
}

/** By small patches, for images of which there is no classifier. */
class PatchJudge implements Judge {
  readonly most: number;
  readonly #heldOut: ImageSet;

  constructor(heldOut: ImageSet) {
    this.#heldOut = heldOut;
    // As many are compared with as many.
    this.most = heldOut.count;
  }

  async judge(parts: AsyncIterable<Pictures> | Iterable<Pictures>, count: number): Promise<Measures> {
    const { distance } = await patchDistance(parts, this.#heldOut, count);
    return { features: 'patches', samples: count, slicedWassersteinDistance: distance };
  }
}

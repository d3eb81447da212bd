/**
 * How good pictures are, in numbers. Those of different `features` must not be compared, nor put in one column: each kind has
 * fields of its own.
 */
export interface Measures {
  /** What judged the pictures: the name of a feature network with the hash of its weights, or `patches`. */
  readonly features: string;
  /** Pictures that were judged. */
  readonly samples: number;
  /** Between the features of pictures and of held-out images (Heusel et al. 2017): 0 or more, less is better. */
  readonly frechetDistance?: number;
  /** 1 … number of classes: clear pictures of all classes score high (as the inception score of Salimans et al. 2016). */
  readonly score?: number;
  /** Part of the pictures in each class, 0 … 1. */
  readonly classShares?: readonly number[];
  /** Entropy of these parts as a part of the largest there can be: 0, one class only, … 1, all alike. */
  readonly classEntropy?: number;
  /** Of a model with classes: part of the pictures that are taken for the class that was asked for, 0 … 1. */
  readonly labelAgreement?: number;
  /** Between patches of pictures and of held-out images (Karras et al. 2018), times 1000: 0 or more, less is better. */
  readonly slicedWassersteinDistance?: number;
}

/** A line of evaluations.jsonl: how good the generator's pictures are after an epoch. */
export interface EpochEvaluation extends Measures {
  /** Steps done. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
}

/** How far pictures are from real ones, by whichever distance the features allow: less is better. */
export function distanceOf({ frechetDistance, slicedWassersteinDistance }: Measures): number {
  return frechetDistance ?? slicedWassersteinDistance ?? NaN;
}

/** The evaluations that can be compared with the newest one, the best first; of equals, the earliest. */
export function fromBest(evaluations: readonly EpochEvaluation[]): readonly EpochEvaluation[] {
  const newest = evaluations.at(-1);
  return evaluations
    .filter((each) => each.features === newest?.features && !Number.isNaN(distanceOf(each)))
    .toSorted((a, b) => distanceOf(a) - distanceOf(b));
}

/** Whether an evaluation is better than the best so far. Those of other features are no measure. */
export function isBetter(candidate: Measures, best: Measures | undefined): boolean {
  const distance = distanceOf(candidate);
  if (Number.isNaN(distance)) return false;
  return best?.features !== candidate.features || distance < distanceOf(best);
}

import { fromBest, type EpochEvaluation, type Measures } from '@gantry/core';

/** Those that can be compared with the newest one: judged by the same features. */
export function comparable(evaluations: readonly EpochEvaluation[]): readonly EpochEvaluation[] {
  const newest = evaluations.at(-1);
  return evaluations.filter(({ features }) => features === newest?.features);
}

/** The one with the least distance, of those that can be compared; undefined where none has a distance. */
export function bestOf(evaluations: readonly EpochEvaluation[]): EpochEvaluation | undefined {
  return fromBest(evaluations)[0];
}

/** What the distance is called that features allow. */
export function distanceName({ features }: Measures): string {
  return features === 'patches' ? 'Sliced Wasserstein distance' : 'Fréchet distance';
}

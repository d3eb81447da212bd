import { networkNamed, viewOf, type ModelManifest, type NetworkManifest } from '../model/manifest.ts';

/**
 * The exponential moving average of one network's weights, which makes better pictures than the weights themselves (Yazıcı et
 * al., 2019). The moving statistics of its batch normalizations are averaged, too: they belong to the weights.
 */
export interface WeightAverage {
  readonly network: string;
  /** Laid out as the network's section of `manifest.trainable`. */
  readonly weights: Float32Array;
  /** … of `manifest.movingStatistics`. */
  readonly statistics: Float32Array;
}

/** The numbers of all networks, as a training state has them. */
interface AllNumbers {
  readonly weights: Float32Array;
  readonly movingStatistics: Float32Array;
}

/** What each average of the first steps keeps of the old one at most: (1 + n) / (10 + n) after n steps. */
const WARM_UP = 10;

/** What the n-th average keeps of the one before: the first weights, which are noise, are forgotten soon. */
function decayAt(decay: number, stepsDone: number): number {
  return Math.min(decay, stepsDone / (WARM_UP - 1 + stepsDone));
}

/** A network's own numbers of a state; they share its memory. */
export function ownNumbers({ weights, movingStatistics }: AllNumbers, network: NetworkManifest): WeightAverage {
  return {
    network: network.name,
    weights: viewOf(weights, network.weights),
    statistics: viewOf(movingStatistics, network.statistics),
  };
}

/** The average before the first step: a copy of what it is of. */
export function firstAverage({ network, weights, statistics }: WeightAverage): WeightAverage {
  return { network, weights: weights.slice(), statistics: statistics.slice() };
}

/**
 * Lets an average follow, in place. Equal arguments give equal bits on every machine.
 * @param decay what is kept of it in each step, 0 … 1; less in the first steps
 * @param stepsDone 1 or more, this one counted
 * @param steps since it followed last: it goes as far as if the numbers had been these in all of them
 */
export function follow(average: WeightAverage, now: WeightAverage, decay: number, stepsDone: number, steps = 1): void {
  let kept = 1;
  for (let step = stepsDone - steps + 1; step <= stepsDone; step++) kept *= decayAt(decay, step);
  const share = 1 - kept;
  for (const part of ['weights', 'statistics'] as const) {
    const [mean, values] = [average[part], now[part]];
    for (let i = 0; i < mean.length; i++) {
      mean[i] = kept * (mean[i] as number) + share * (values[i] as number);
    }
  }
}

/** The average of a network that a run keeps. */
export interface AverageSpec {
  readonly network: string;
  /** What it keeps of itself in a step. */
  readonly decay: number;
}

/** Lets the average of a state follow, where one is kept. @param steps that the state has just done */
export function followAverage(
  state: AllNumbers & { readonly step: number; readonly average: WeightAverage | undefined },
  { manifest, average }: { readonly manifest: ModelManifest; readonly average?: AverageSpec | undefined },
  steps: number,
): void {
  if (!average || !state.average) return;
  const network = networkNamed(manifest, average.network);
  follow(state.average, ownNumbers(state, network), average.decay, state.step, steps);
}

/** What pictures are made with: the average where there is one. @throws RangeError if there is no such network */
export function pictureNumbers(
  state: AllNumbers & { readonly average: WeightAverage | undefined },
  manifest: ModelManifest,
  network: string,
): WeightAverage {
  return state.average ?? ownNumbers(state, networkNamed(manifest, network));
}

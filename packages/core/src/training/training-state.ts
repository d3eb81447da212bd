import { fillInitial } from '../model/initial-values.ts';
import { viewOf, type ModelManifest } from '../model/manifest.ts';
import { GantryError } from '../errors.ts';
import { DEFAULT_OPTIMIZERS, optimizerOf, type OptimizerSpec, type OptimizerSpecs } from '../optimizers/optimizer.ts';
import type { OptimizerState } from '../optimizers/update-rule.ts';
import { firstAverage, ownNumbers, type WeightAverage } from './weight-average.ts';

/** Everything that training changes. Two runs with equal states continue with equal bits. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  /** All networks' weights, as `manifest.trainable`. */
  readonly weights: Float32Array;
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Float32Array;
  /** What each network's optimizer keeps. */
  readonly optimizers: Readonly<Record<string, OptimizerState>>;
  /** Of the network that makes the pictures, where one is kept. */
  readonly average: WeightAverage | undefined;
  /**
   * What workers had in the last round, where it is not what the state has: a wire that rounds leaves a remainder, which the next
   * round makes good. Absent before the first round.
   */
  published?: Float32Array | undefined;
}

/** The optimizer of a network. @throws GantryError E_CONFIG if there is none */
export function specOf(optimizers: OptimizerSpecs, network: string): OptimizerSpec {
  const spec = optimizers[network];
  if (spec) return spec;
  throw new GantryError('E_CONFIG', `there is no optimizer for the network '${network}'`);
}

/** Fresh weights as the layers' initializers have them, drawn from the seed: as `manifest.trainable`. */
export function initialWeights(manifest: ModelManifest, seed: number): Float32Array {
  const weights = new Float32Array(manifest.trainableSize);
  manifest.trainable.forEach((parameter, i) => fillInitial(viewOf(weights, parameter), parameter, seed, i));
  return weights;
}

/**
 * The state before the first step.
 * @param averaged the network whose average is kept, if any
 * @throws GantryError E_CONFIG if a network has no optimizer
 */
export function initialState(
  manifest: ModelManifest,
  seed: number,
  optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS,
  averaged?: string,
): TrainingState {
  const movingStatistics = new Float32Array(manifest.movingStatisticsSize);
  manifest.movingStatistics.forEach((parameter, i) =>
    fillInitial(viewOf(movingStatistics, parameter), parameter, seed, manifest.trainable.length + i),
  );
  const states = manifest.networks.map(({ name, weights: { size } }) => {
    return [name, optimizerOf(specOf(optimizers, name)).init(size)] as const;
  });
  const weights = initialWeights(manifest, seed);
  const network = manifest.networks.find(({ name }) => name === averaged);
  return {
    step: 0,
    weights,
    movingStatistics,
    optimizers: Object.fromEntries(states),
    average: network && firstAverage(ownNumbers({ weights, movingStatistics }, network)),
  };
}

/** Makes a state of a run equal to another state of it. @param into changed in place */
export function copyState(from: TrainingState, into: TrainingState): void {
  into.step = from.step;
  into.weights.set(from.weights);
  into.movingStatistics.set(from.movingStatistics);
  for (const [network, { moments, scalars }] of Object.entries(from.optimizers)) {
    const own = into.optimizers[network];
    for (const [name, moment] of Object.entries(moments)) own?.moments[name]?.set(moment);
    Object.assign(own?.scalars ?? {}, scalars);
  }
  into.published = from.published?.slice();
  if (!from.average) return;
  into.average?.weights.set(from.average.weights);
  into.average?.statistics.set(from.average.statistics);
}

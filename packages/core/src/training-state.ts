import { adamStep, initialAdamState, type AdamState } from './adam.ts';
import { GantryError } from './errors.ts';
import { leafLayout, samplesOf, sumOf } from './leaf.ts';
import { fillInitial } from './initial-values.ts';
import { viewOf, type ModelManifest } from './parameters.ts';
import { norm } from './vectors.ts';

/** Everything that training changes. Two runs with equal states continue with equal bits. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  /** Both networks' weights, as `manifest.trainable`. */
  readonly weights: Float32Array;
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Float32Array;
  readonly generatorAdam: AdamState;
  readonly discriminatorAdam: AdamState;
}

/** Fresh weights as the layers' initializers have them, drawn from the seed. */
export function initialState(manifest: ModelManifest, seed: number): TrainingState {
  const weights = new Float32Array(manifest.trainableSize);
  const movingStatistics = new Float32Array(manifest.movingStatisticsSize);
  const { trainable } = manifest;
  trainable.forEach((parameter, i) => fillInitial(viewOf(weights, parameter), parameter, seed, i));
  manifest.movingStatistics.forEach((parameter, i) =>
    fillInitial(viewOf(movingStatistics, parameter), parameter, seed, trainable.length + i),
  );
  return {
    step: 0,
    weights,
    movingStatistics,
    generatorAdam: initialAdamState(manifest.discriminatorOffset),
    discriminatorAdam: initialAdamState(manifest.trainableSize - manifest.discriminatorOffset),
  };
}

/** What a step reports: means over the global batch, and the Euclidean norms of the mean gradients. */
export interface StepMetrics {
  readonly generatorLoss: number;
  readonly discriminatorLoss: number;
  readonly dReal: number;
  readonly dFake: number;
  readonly generatorGradNorm: number;
  readonly discriminatorGradNorm: number;
}

/**
 * Applies the sum of a step's leaves: both Adam steps and one update of the moving statistics.
 * @param root laid out as `leafLayout(manifest)`
 * @throws GantryError E_DIVERGED if anything in it is not finite; the state is unchanged then
 */
export function applyStep(state: TrainingState, root: Float32Array, manifest: ModelManifest): StepMetrics {
  const layout = leafLayout(manifest);
  const scale = 1 / samplesOf(root, layout);
  const split = manifest.discriminatorOffset;
  const generatorGradient = root.subarray(0, split);
  const discriminatorGradient = root.subarray(split, manifest.trainableSize);
  const statistics = root.subarray(layout.statisticsOffset, layout.sumsOffset);
  const metrics = {
    generatorLoss: sumOf(root, layout, 'generatorLoss') * scale,
    discriminatorLoss: sumOf(root, layout, 'discriminatorLoss') * scale,
    dReal: sumOf(root, layout, 'dReal') * scale,
    dFake: sumOf(root, layout, 'dFake') * scale,
    generatorGradNorm: norm(generatorGradient) * scale,
    discriminatorGradNorm: norm(discriminatorGradient) * scale,
  };
  // A norm is finite exactly if all it sums is.
  for (const [name, value] of [...Object.entries(metrics), ['batch-norm statistics', norm(statistics)] as const]) {
    if (!Number.isFinite(value)) {
      throw new GantryError('E_DIVERGED', `training diverged in step ${state.step + 1}: ${name} is ${value}`);
    }
  }

  adamStep(state.weights.subarray(0, split), generatorGradient, scale, state.generatorAdam);
  adamStep(state.weights.subarray(split), discriminatorGradient, scale, state.discriminatorAdam);
  for (const parameter of manifest.movingStatistics) {
    const values = viewOf(state.movingStatistics, parameter);
    const sums = viewOf(statistics, parameter);
    const { momentum } = parameter;
    for (let i = 0; i < values.length; i++) {
      values[i] = (values[i] as number) * momentum + (sums[i] as number) * scale * (1 - momentum);
    }
  }
  state.step++;
  return metrics;
}

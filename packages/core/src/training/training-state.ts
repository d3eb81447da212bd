import { GantryError } from '../errors.ts';
import { contributionLayout, samplesOf, sumOf } from './contribution.ts';
import { fillInitial } from '../model/initial-values.ts';
import { DEFAULT_OPTIMIZERS, optimizerOf, type OptimizerSpecs } from '../optimizers/optimizer.ts';
import type { OptimizerState } from '../optimizers/update-rule.ts';
import { viewOf, type ModelManifest } from '../model/manifest.ts';
import { norm } from '../numerics/vectors.ts';

/** Everything that training changes. Two runs with equal states continue with equal bits. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  /** Both networks' weights, as `manifest.trainable`. */
  readonly weights: Float32Array;
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Float32Array;
  /** What each network's optimizer keeps. */
  readonly optimizers: Readonly<Record<keyof OptimizerSpecs, OptimizerState>>;
}

/** Fresh weights as the layers' initializers have them, drawn from the seed. */
export function initialState(
  manifest: ModelManifest,
  seed: number,
  optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS,
): TrainingState {
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
    optimizers: {
      generator: optimizerOf(optimizers.generator).init(manifest.discriminatorOffset),
      discriminator: optimizerOf(optimizers.discriminator).init(manifest.trainableSize - manifest.discriminatorOffset),
    },
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
 * Applies the sum of a step's leaves: a step of both optimizers and one update of the moving statistics.
 * @param root laid out as `contributionLayout(manifest)`
 * @param optimizers those that the state is of
 * @throws GantryError E_DIVERGED if anything in it is not finite; the state is unchanged then
 */
export function applyStep(
  state: TrainingState,
  root: Float32Array,
  manifest: ModelManifest,
  optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS,
): StepMetrics {
  const layout = contributionLayout(manifest);
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

  const { step, weights } = state;
  const [generator, discriminator] = [optimizerOf(optimizers.generator), optimizerOf(optimizers.discriminator)];
  generator.step(weights.subarray(0, split), generatorGradient, scale, state.optimizers.generator, step);
  discriminator.step(weights.subarray(split), discriminatorGradient, scale, state.optimizers.discriminator, step);
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

import { GantryError } from './errors.ts';
import { leafLayout, sumOf } from './leaf.ts';
import { BATCH_NORM_MOMENTUM } from './dimensions.ts';
import { DEFAULT_OPTIMIZERS, optimizerOf, type OptimizerSpecs } from './optimizers/optimizer.ts';
import type { OptimizerState } from './optimizers/update-rule.ts';
import { viewOf, type ParameterManifest } from './parameters.ts';
import { Stream, fillUniform } from './random.ts';
import { norm } from './vectors.ts';

/** Everything that training changes. Two runs with equal states continue with equal bits. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  /** Both networks' weights, as `manifest.trainable`. */
  readonly weights: Float32Array;
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Float32Array;
  /** What each network's optimizer keeps: Adam's moments and β powers, or those of another one that was asked for. */
  readonly generatorAdam: OptimizerState;
  readonly discriminatorAdam: OptimizerState;
}

/** Fresh weights as Keras initializes them, drawn from the seed: Glorot-uniform kernels, γ = 1, all else 0; variances 1. */
export function initialState(
  manifest: ParameterManifest,
  seed: number,
  optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS,
): TrainingState {
  const weights = new Float32Array(manifest.trainableSize);
  manifest.trainable.forEach((parameter, index) => {
    const values = viewOf(weights, parameter);
    if (parameter.name.endsWith('/gamma')) values.fill(1);
    if (!parameter.name.endsWith('/kernel')) return;
    const uniform = new Float64Array(parameter.size);
    fillUniform(uniform, seed, Stream.initialWeights, 0, index);
    const limit = glorotLimit(parameter.shape);
    for (let i = 0; i < values.length; i++) values[i] = ((uniform[i] as number) * 2 - 1) * limit;
  });
  const movingStatistics = new Float32Array(manifest.movingStatisticsSize);
  for (const parameter of manifest.movingStatistics) {
    if (parameter.name.endsWith('/moving_variance')) viewOf(movingStatistics, parameter).fill(1);
  }
  return {
    step: 0,
    weights,
    movingStatistics,
    generatorAdam: optimizerOf(optimizers.generator).init(manifest.discriminatorOffset),
    discriminatorAdam: optimizerOf(optimizers.discriminator).init(
      manifest.trainableSize - manifest.discriminatorOffset,
    ),
  };
}

/** √(6 / (fan in + fan out)) of Glorot and Bengio (2010); a kernel is [...window, a, b] whichever way a and b face. */
function glorotLimit(shape: readonly number[]): number {
  const window = shape.slice(0, -2).reduce((product, side) => product * side, 1);
  const [a = 1, b = 1] = shape.slice(-2);
  return Math.sqrt(6 / (window * (a + b)));
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
 * @param root laid out as `leafLayout(manifest)`
 * @param optimizers those that the state is of
 * @throws GantryError E_DIVERGED if anything in it is not finite; the state is unchanged then
 */
export function applyStep(
  state: TrainingState,
  root: Float32Array,
  manifest: ParameterManifest,
  optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS,
): StepMetrics {
  const layout = leafLayout(manifest);
  const scale = 1 / sumOf(root, layout, 'samples');
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

  const { step, weights, movingStatistics, generatorAdam, discriminatorAdam } = state;
  const [generator, discriminator] = [optimizerOf(optimizers.generator), optimizerOf(optimizers.discriminator)];
  generator.step(weights.subarray(0, split), generatorGradient, scale, generatorAdam, step);
  discriminator.step(weights.subarray(split), discriminatorGradient, scale, discriminatorAdam, step);
  for (let i = 0; i < movingStatistics.length; i++) {
    const batchValue = (statistics[i] as number) * scale;
    movingStatistics[i] =
      (movingStatistics[i] as number) * BATCH_NORM_MOMENTUM + batchValue * (1 - BATCH_NORM_MOMENTUM);
  }
  state.step++;
  return metrics;
}

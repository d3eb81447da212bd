import { viewOf, type ModelManifest } from '../model/manifest.ts';
import { optimizerOf, type OptimizerSpecs } from '../optimizers/optimizer.ts';
import { numberIn, type ContributionLayout } from './contribution.ts';
import { specOf, type TrainingState } from './training-state.ts';

/** How a model is trained. */
export interface Recipe {
  readonly manifest: ModelManifest;
  readonly optimizers: OptimizerSpecs;
}

/**
 * A step of the optimizer of each network that a phase updates, and one update of its moving statistics. In place; equal arguments
 * give equal bits on every machine.
 * @param trained the numbers that change
 * @param sum of contributions, in the layout of the phase
 * @param step of the run, from 0, for the learning rate's schedule
 */
export function applyGradients(
  trained: Pick<TrainingState, 'weights' | 'movingStatistics' | 'optimizers'>,
  sum: Float32Array,
  layout: ContributionLayout,
  { manifest, optimizers }: Recipe,
  step: number,
): void {
  const scale = 1 / numberIn(sum, layout.samples);
  for (const network of manifest.networks) {
    const [gradients, statistics] = [layout.gradients[network.name], layout.statistics[network.name]];
    const optimizerState = trained.optimizers[network.name];
    if (!gradients || !statistics || !optimizerState) continue;
    const optimizer = optimizerOf(specOf(optimizers, network.name));
    const weights = viewOf(trained.weights, network.weights);
    optimizer.step(weights, viewOf(sum, gradients), scale, optimizerState, step);
    const { offset, size } = network.statistics;
    for (const moving of manifest.movingStatistics) {
      if (moving.offset < offset || moving.offset >= offset + size) continue;
      const values = viewOf(trained.movingStatistics, moving);
      const sums = viewOf(sum, { offset: statistics.offset + moving.offset - offset, size: moving.size });
      const { momentum } = moving;
      for (let i = 0; i < values.length; i++) {
        values[i] = (values[i] as number) * momentum + (sums[i] as number) * scale * (1 - momentum);
      }
    }
  }
}

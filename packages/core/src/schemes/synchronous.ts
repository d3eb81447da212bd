import { GantryError } from '../errors.ts';
import { phaseAt, roundsPerStep, viewOf, type ModelManifest, type PhaseManifest } from '../model/manifest.ts';
import { gradientNormReport } from '../model/report.ts';
import { epochPermutation } from '../numerics/random.ts';
import { norm } from '../numerics/vectors.ts';
import { optimizerOf, type OptimizerSpecs } from '../optimizers/optimizer.ts';
import { contributionLayout, numberIn, type ContributionLayout } from '../training/contribution.ts';
import { batchOf, shardsOf, totalSteps, type DataPlan } from '../training/plan.ts';
import { specOf, type TrainingState } from '../training/training-state.ts';
import type { Unit } from '../training/unit.ts';
import { follow, ownNumbers } from '../training/weight-average.ts';
import type { Scheme, StepMetrics } from './scheme.ts';

/** The samples that a run learns from. */
export interface Samples {
  readonly count: number;
  /** One after the other. */
  readonly bytes: Uint8Array;
}

export interface SynchronousOptions {
  readonly manifest: ModelManifest;
  readonly seed: number;
  readonly plan: DataPlan;
  readonly samples: Samples;
  readonly optimizers: OptimizerSpecs;
  /** The average of a network's weights that is kept: what it keeps of itself in a step. */
  readonly average?: { readonly network: string; readonly decay: number } | undefined;
}

/**
 * Synchronous data-parallel training: a round is one batch for one phase. Each unit is a shard of the batch, computed with the
 * same weights; the mean of the gradients makes one step of the optimizers.
 */
export class Synchronous implements Scheme {
  readonly rounds: number;
  readonly steps: number;
  readonly #options: SynchronousOptions;
  readonly #roundsPerStep: number;
  #order = { epoch: -1, indices: new Uint32Array() };
  /** What the rounds of the present step have reported: sums by name, with the samples that they are of. */
  #reports: Report[] = [];

  constructor(options: SynchronousOptions) {
    this.#options = options;
    this.#roundsPerStep = roundsPerStep(options.manifest);
    this.steps = totalSteps(options.plan);
    this.rounds = this.roundOf(this.steps);
  }

  roundOf(step: number): number {
    return step * this.#roundsPerStep;
  }

  units(round: number): Unit[] {
    const { plan, samples: set } = this.#options;
    const { epoch, first, samples } = batchOf(round, plan);
    const batch = this.#orderOf(epoch).subarray(first, first + samples);
    const size = set.bytes.length / set.count;
    const step = Math.floor(round / this.#roundsPerStep);
    const iteration = round % this.#roundsPerStep;
    return shardsOf(samples, plan.shardSize).map(({ index, ...shard }) => {
      const data = new Uint8Array(shard.samples * size);
      batch.subarray(shard.first, shard.first + shard.samples).forEach((sample, i) => {
        data.set(set.bytes.subarray(sample * size, (sample + 1) * size), i * size);
      });
      return { round, index, batches: [{ step, iteration, ...shard }], data };
    });
  }

  publish(state: TrainingState): Float32Array {
    return state.weights;
  }

  contributionLength(round: number): number {
    return contributionLayout(this.#options.manifest, this.#phaseOf(round)).length;
  }

  apply(state: TrainingState, round: number, sum: Float32Array): readonly StepMetrics[] {
    const { manifest } = this.#options;
    // Where training was broken off between the rounds of a step, the step begins again.
    if (round % this.#roundsPerStep === 0) this.#reports = [];
    const layout = contributionLayout(manifest, this.#phaseOf(round));
    const report = reportOf(sum, layout);
    requireFinite(report, state.step + 1);
    this.#update(state, sum, layout);
    this.#reports.push(report);
    if ((round + 1) % this.#roundsPerStep !== 0) return [];
    state.step++;
    this.#average(state);
    return [meansOf(this.#reports.splice(0))];
  }

  #average(state: TrainingState): void {
    const { manifest, average } = this.#options;
    const network = manifest.networks.find(({ name }) => name === average?.network);
    if (!average || !state.average || !network) return;
    follow(state.average, ownNumbers(state, network), average.decay, state.step);
  }

  #phaseOf(round: number): PhaseManifest {
    return phaseAt(this.#options.manifest, round % this.#roundsPerStep);
  }

  #orderOf(epoch: number): Uint32Array {
    const { seed, samples } = this.#options;
    if (this.#order.epoch !== epoch) this.#order = { epoch, indices: epochPermutation(seed, epoch, samples.count) };
    return this.#order.indices;
  }

  /** A step of the optimizer of each network that the phase updates, and one update of its moving statistics. */
  #update(state: TrainingState, sum: Float32Array, layout: ContributionLayout): void {
    const { manifest, optimizers } = this.#options;
    const scale = 1 / numberIn(sum, layout.samples);
    for (const network of manifest.networks) {
      const [gradients, statistics] = [layout.gradients[network.name], layout.statistics[network.name]];
      const optimizerState = state.optimizers[network.name];
      if (!gradients || !statistics || !optimizerState) continue;
      const optimizer = optimizerOf(specOf(optimizers, network.name));
      const weights = viewOf(state.weights, network.weights);
      optimizer.step(weights, viewOf(sum, gradients), scale, optimizerState, state.step);
      const { offset, size } = network.statistics;
      for (const moving of manifest.movingStatistics) {
        if (moving.offset < offset || moving.offset >= offset + size) continue;
        const values = viewOf(state.movingStatistics, moving);
        const sums = viewOf(sum, { offset: statistics.offset + moving.offset - offset, size: moving.size });
        const { momentum } = moving;
        for (let i = 0; i < values.length; i++) {
          values[i] = (values[i] as number) * momentum + (sums[i] as number) * scale * (1 - momentum);
        }
      }
    }
  }
}

/** What one round reports. */
interface Report {
  /** Means over its samples. */
  readonly means: StepMetrics;
  readonly gradientNorms: StepMetrics;
  readonly statisticsNorm: number;
}

function reportOf(sum: Float32Array, layout: ContributionLayout): Report {
  const scale = 1 / numberIn(sum, layout.samples);
  return {
    means: Object.fromEntries(
      Object.entries(layout.sums).map(([name, section]) => [name, numberIn(sum, section) * scale]),
    ),
    gradientNorms: Object.fromEntries(
      Object.entries(layout.gradients).map(([network, section]) => {
        return [gradientNormReport(network).name, norm(viewOf(sum, section)) * scale];
      }),
    ),
    // A norm is finite exactly if all it sums is.
    statisticsNorm: Math.max(0, ...Object.values(layout.statistics).map((section) => norm(viewOf(sum, section)))),
  };
}

function requireFinite({ means, gradientNorms, statisticsNorm }: Report, step: number): void {
  for (const [name, value] of Object.entries({ ...means, ...gradientNorms, 'batch-norm statistics': statisticsNorm })) {
    if (!Number.isFinite(value)) {
      throw new GantryError('E_DIVERGED', `training diverged in step ${step}: ${name} is ${value}`);
    }
  }
}

/** Of each name, the mean over the rounds that reported it. */
function meansOf(reports: readonly Report[]): StepMetrics {
  const all = [...reports.map(({ means }) => means), ...reports.map(({ gradientNorms }) => gradientNorms)];
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = all.flatMap((each) => each[name] ?? []);
      return [name, values.length === 1 ? (values[0] as number) : values.reduce((a, b) => a + b) / values.length];
    }),
  );
}

import { GantryError } from '../errors.ts';
import { phaseAt, roundsPerStep, viewOf, type ModelManifest, type PhaseManifest } from '../model/manifest.ts';
import { gradientNormReport } from '../model/report.ts';
import { norm } from '../numerics/vectors.ts';
import type { OptimizerSpecs } from '../optimizers/optimizer.ts';
import { applyGradients } from '../training/apply-gradients.ts';
import { contributionLayout, numberIn, type ContributionLayout } from '../training/contribution.ts';
import { EpochOrder } from '../training/epoch-order.ts';
import { batchOf, shardsOf, totalSteps, type DataPlan } from '../training/plan.ts';
import type { TrainingState } from '../training/training-state.ts';
import type { PlannedUnit } from '../training/unit.ts';
import { followAverage, type AverageSpec } from '../training/weight-average.ts';
import type { Wire } from '../wire/wire.ts';
import { publicationOf, type Publication } from './publication.ts';
import { RoundShapes } from './round-shapes.ts';
import type { Scheme, StepMetrics } from './scheme.ts';

export interface SynchronousOptions {
  readonly manifest: ModelManifest;
  readonly seed: number;
  readonly plan: DataPlan;
  /** Number of samples in the data set. */
  readonly samples: number;
  readonly optimizers: OptimizerSpecs;
  readonly wire?: Wire;
  /** Whether each sample is flipped by a draw of its own. */
  readonly flip?: boolean;
  /** The average of a network's weights that is kept: what it keeps of itself in a step. */
  readonly average?: AverageSpec | undefined;
}

/**
 * Synchronous data-parallel training: a round is one batch for one phase. Each unit is a shard of the batch, computed with the
 * same weights; the mean of the gradients makes one step of the optimizers.
 */
export class Synchronous implements Scheme {
  readonly rounds: number;
  readonly steps: number;
  readonly shapes: RoundShapes;
  readonly #options: SynchronousOptions;
  readonly #roundsPerStep: number;
  readonly #order: EpochOrder;
  /** That of the round under way. */
  #published: Publication | undefined;
  /** What the rounds of the present step have reported: sums by name, with the samples that they are of. */
  #reports: Report[] = [];

  constructor(options: SynchronousOptions) {
    this.#options = options;
    this.#roundsPerStep = roundsPerStep(options.manifest);
    this.steps = totalSteps(options.plan);
    this.rounds = this.roundOf(this.steps);
    this.#order = new EpochOrder(options.seed, options.samples);
    const { manifest, optimizers, wire = 'float32', flip = false } = options;
    this.shapes = new RoundShapes(manifest, { wire, flip, optimizers, localSteps: 1, localFrom: 0 });
  }

  roundOf(step: number): number {
    return step * this.#roundsPerStep;
  }

  units(round: number): PlannedUnit[] {
    const { plan } = this.#options;
    const { epoch, first, samples } = batchOf(round, plan);
    const batch = this.#order.of(epoch).subarray(first, first + samples);
    const step = Math.floor(round / this.#roundsPerStep);
    const iteration = round % this.#roundsPerStep;
    return shardsOf(samples, plan.shardSize).map(({ index, ...shard }) => ({
      round,
      index,
      batches: [{ step, iteration, ...shard }],
      samples: batch.slice(shard.first, shard.first + shard.samples),
    }));
  }

  publish(state: TrainingState): Publication {
    // All rounds publish as much.
    const { wire } = this.shapes.spec;
    const target = wire === 'float32' ? state.weights : state.weights.slice();
    this.#published = publicationOf(state, target, this.shapes.published(0), wire);
    return this.#published;
  }

  apply(state: TrainingState, round: number, sum: Float32Array): readonly StepMetrics[] {
    const { manifest, optimizers } = this.#options;
    // Where training was broken off between the rounds of a step, the step begins again.
    if (round % this.#roundsPerStep === 0) this.#reports = [];
    const layout = contributionLayout(manifest, this.#phaseOf(round));
    const report = reportOf(sum, layout);
    requireFinite(report, state.step + 1);
    applyGradients(state, sum, layout, { manifest, optimizers }, state.step);
    if (this.shapes.spec.wire !== 'float32') state.published = this.#published?.values;
    this.#reports.push(report);
    if ((round + 1) % this.#roundsPerStep !== 0) return [];
    state.step++;
    followAverage(state, this.#options, 1);
    return [meansOf(this.#reports.splice(0))];
  }

  #phaseOf(round: number): PhaseManifest {
    return phaseAt(this.#options.manifest, round % this.#roundsPerStep);
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

import { GantryError } from '../errors.ts';
import { roundsPerStep, viewOf } from '../model/manifest.ts';
import { replicaNormReport } from '../model/report.ts';
import { addScaledInPlace, addScaledToRootsInPlace, norm, rootsInPlace } from '../numerics/vectors.ts';
import { optimizerOf } from '../optimizers/optimizer.ts';
import { numberIn } from '../training/contribution.ts';
import { EpochOrder } from '../training/epoch-order.ts';
import { batchOf, epochEnd, epochsAfter, shardsOf, totalSteps } from '../training/plan.ts';
import { specOf, type TrainingState } from '../training/training-state.ts';
import type { Batch, PlannedUnit } from '../training/unit.ts';
import { followAverage } from '../training/weight-average.ts';
import {
  localContributionLayout,
  replicaLayout,
  type LocalContributionLayout,
  type ReplicaLayout,
} from './local-layout.ts';
import { requireAffordableRounds } from './local-limits.ts';
import { powerOf, updatesPerStep } from './local-replica.ts';
import { publicationOf, type Publication } from './publication.ts';
import { RoundShapes } from './round-shapes.ts';
import type { Scheme, StepMetrics } from './scheme.ts';
import { Synchronous, type SynchronousOptions } from './synchronous.ts';

export interface LocalStepsOptions extends SynchronousOptions {
  /** Steps that a replica takes in a round: 2 or more. */
  readonly localSteps: number;
  /** The first epoch with local steps, from 1; those before are synchronous. */
  readonly fromEpoch: number;
}

/**
 * Local steps: shard i of every batch belongs to logical replica i, whoever computes it. In a round, each replica goes on from what was
 * published with optimizer steps of its own, and the mean of the differences, weighted by the samples, is added to the state: local SGD
 * (Stich 2019, https://arxiv.org/abs/1805.09767). Rounds end with epochs. The first epochs may be synchronous (post-local SGD: Lin et
 * al. 2020, https://arxiv.org/abs/1808.07217).
 */
export class LocalSteps implements Scheme {
  readonly rounds: number;
  readonly steps: number;
  readonly shapes: RoundShapes;
  readonly #options: LocalStepsOptions;
  readonly #synchronous: Synchronous;
  /** Steps before the first round of local ones. */
  readonly #firstStep: number;
  readonly #start: ReplicaLayout;
  readonly #layout: LocalContributionLayout;
  readonly #order: EpochOrder;
  /** That of the round under way. */
  #published: Publication | undefined;

  constructor(options: LocalStepsOptions) {
    const { manifest, optimizers, plan, fromEpoch, localSteps, wire = 'float32', flip = false } = options;
    requireAffordableRounds(options);
    this.#options = options;
    this.#synchronous = new Synchronous(options);
    this.steps = totalSteps(plan);
    this.#firstStep = Math.min(epochEnd(fromEpoch - 1, plan), this.steps);
    const localFrom = this.#synchronous.roundOf(this.#firstStep);
    this.shapes = new RoundShapes(manifest, { wire, flip, optimizers, localSteps, localFrom });
    this.#start = replicaLayout(options);
    this.#layout = localContributionLayout(options, localSteps);
    this.#order = new EpochOrder(options.seed, options.samples);
    this.rounds = this.roundOf(this.steps);
  }

  roundOf(step: number): number {
    if (step <= this.#firstStep) return this.#synchronous.roundOf(step);
    const { plan, fromEpoch, localSteps } = this.#options;
    const epochs = epochsAfter(step, plan);
    let round = this.shapes.spec.localFrom;
    let begin = this.#firstStep;
    for (let epoch = fromEpoch; epoch <= epochs; epoch++) {
      const end = epochEnd(epoch, plan);
      round += Math.ceil((end - begin) / localSteps);
      begin = end;
    }
    return round + Math.ceil((step - begin) / localSteps);
  }

  units(round: number): PlannedUnit[] {
    if (!this.shapes.isLocal(round)) return this.#synchronous.units(round);
    const { manifest, plan } = this.#options;
    const perStep = roundsPerStep(manifest);
    const { first, last } = this.#stepsOf(round);
    const units = new Map<number, { batches: Batch[]; samples: Uint32Array[] }>();
    for (let batch = first * perStep; batch < last * perStep; batch++) {
      const place = batchOf(batch, plan);
      const order = this.#order.of(place.epoch);
      const [step, iteration] = [Math.floor(batch / perStep), batch % perStep];
      for (const { index, ...shard } of shardsOf(place.samples, plan.shardSize)) {
        const unit = units.get(index) ?? { batches: [], samples: [] };
        const begin = place.first + shard.first;
        unit.batches.push({ step, iteration, ...shard });
        unit.samples.push(order.slice(begin, begin + shard.samples));
        units.set(index, unit);
      }
    }
    return [...units].map(([index, { batches, samples }]) => ({ round, index, batches, samples: joined(samples) }));
  }

  publish(state: TrainingState): Publication {
    const round = this.roundOf(state.step);
    if (!this.shapes.isLocal(round)) return this.#synchronous.publish(state);
    const { weights, moments, movingStatistics, length } = this.#start;
    const target = new Float32Array(length);
    viewOf(target, weights).set(state.weights);
    viewOf(target, movingStatistics).set(state.movingStatistics);
    for (const { network, name, asRoots, section } of moments) {
      const moment = state.optimizers[network]?.moments[name];
      if (!moment) continue;
      const into = viewOf(target, section);
      into.set(moment);
      if (asRoots) rootsInPlace(into);
    }
    this.#published = publicationOf(state, target, this.#start, this.shapes.spec.wire);
    return this.#published;
  }

  apply(state: TrainingState, round: number, sum: Float32Array): readonly StepMetrics[] {
    if (!this.shapes.isLocal(round)) return this.#synchronous.apply(state, round, sum);
    const { first, last } = this.#stepsOf(round);
    // A norm is finite exactly if all it sums is.
    if (!Number.isFinite(norm(sum))) {
      throw new GantryError(
        'E_DIVERGED',
        `training diverged in steps ${first + 1} to ${last}: not all numbers are finite`,
      );
    }
    this.#addMeans(state, sum, last);
    state.step = last;
    followAverage(state, this.#options, last - first);
    if (this.shapes.spec.wire !== 'float32') state.published = this.#published?.values;
    return this.#layout.reports.slice(0, last - first).map((phases) => metricsOf(phases, sum));
  }

  /** Steps of a round of local ones: from `first` on, up to `last`, which is not of it. */
  #stepsOf(round: number): { readonly first: number; readonly last: number } {
    const { plan, fromEpoch, localSteps } = this.#options;
    let left = round - this.shapes.spec.localFrom;
    let begin = this.#firstStep;
    for (let epoch = fromEpoch; ; epoch++) {
      const end = Math.min(epochEnd(epoch, plan), this.steps);
      const rounds = Math.ceil((end - begin) / localSteps);
      if (left < rounds) {
        const first = begin + left * localSteps;
        return { first, last: Math.min(first + localSteps, end) };
      }
      if (end >= this.steps) throw new RangeError(`the run has no round ${round}`);
      left -= rounds;
      begin = end;
    }
  }

  /** Adds the mean differences of all replicas to the state; what begins anew with each round is as at the beginning of one. */
  #addMeans(state: TrainingState, sum: Float32Array, stepsDone: number): void {
    const { manifest, optimizers } = this.#options;
    const scale = 1 / numberIn(sum, this.#layout.samples);
    const { weights, moments, movingStatistics } = this.#start;
    addScaledInPlace(state.weights, viewOf(sum, weights), scale);
    addScaledInPlace(state.movingStatistics, viewOf(sum, movingStatistics), scale);
    for (const moving of manifest.movingStatistics) {
      // The mean of variances is none below 0 but for its rounding.
      if (!moving.name.endsWith('/moving_variance')) continue;
      const values = viewOf(state.movingStatistics, moving);
      for (let i = 0; i < values.length; i++) values[i] = Math.max(0, values[i] as number);
    }
    for (const { network, name, asRoots, section } of moments) {
      const moment = state.optimizers[network]?.moments[name];
      if (!moment) continue;
      const add = asRoots ? addScaledToRootsInPlace : addScaledInPlace;
      add(moment, viewOf(sum, section), scale);
    }
    for (const { name: network } of manifest.networks) {
      const own = state.optimizers[network];
      const optimizer = optimizerOf(specOf(optimizers, network));
      for (const [name, kind] of Object.entries(optimizer.moments)) if (kind === 'fresh') own?.moments[name]?.fill(0);
      for (const [name, { base, isFresh }] of Object.entries(optimizer.powers)) {
        if (own) own.scalars[name] = isFresh ? 1 : powerOf(base, stepsDone * updatesPerStep(manifest, network));
      }
    }
  }
}

/** Of each name, the mean over the samples of all replicas; of the gradient norms, that of the replicas' own. */
function metricsOf(phases: LocalContributionLayout['reports'][number], sum: Float32Array): StepMetrics {
  const totals = new Map<string, { value: number; samples: number }>();
  const note = (name: string, value: number, samples: number) => {
    const total = totals.get(name) ?? { value: 0, samples: 0 };
    totals.set(name, { value: total.value + value, samples: total.samples + samples });
  };
  const norms: (readonly [string, number, number])[] = [];
  for (const report of phases) {
    const samples = numberIn(sum, report.samples);
    for (const [name, section] of Object.entries(report.sums)) note(name, numberIn(sum, section), samples);
    for (const [network, section] of Object.entries(report.norms)) {
      norms.push([replicaNormReport(network).name, numberIn(sum, section), samples]);
    }
  }
  // After all that the model reports.
  for (const each of norms) note(...each);
  return Object.fromEntries([...totals].map(([name, { value, samples }]) => [name, value / samples]));
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

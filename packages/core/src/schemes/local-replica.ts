import { viewOf, type ModelManifest, type Section } from '../model/manifest.ts';
import { differencesInPlace, differencesOfRootsInPlace, norm, squaresInPlace } from '../numerics/vectors.ts';
import { optimizerOf } from '../optimizers/optimizer.ts';
import type { OptimizerState } from '../optimizers/update-rule.ts';
import { applyGradients, type Recipe } from '../training/apply-gradients.ts';
import { contributionLayout, newVector, numberIn } from '../training/contribution.ts';
import { specOf } from '../training/training-state.ts';
import { samplesIn, type Batch, type Unit } from '../training/unit.ts';
import { localContributionLayout, replicaLayout } from './local-layout.ts';

export interface ReplicaOptions extends Recipe {
  /** What the replica starts from, as `replicaLayout` has it; not changed. */
  readonly published: Float32Array;
  /** Steps that a round has at most. */
  readonly localSteps: number;
  /**
   * The contribution of one batch.
   * @param at position of the batch in the unit
   * @param weights the replica's own, as `manifest.trainable`: they change with each batch, and stay where they are
   */
  readonly gradients: (batch: Batch, at: number, weights: Float32Array) => Promise<Float32Array>;
  /** Told after each batch how many are done. */
  readonly progressed?: ((batches: number) => void) | undefined;
  /** Memory of an earlier contribution, overwritten. */
  readonly into?: Float32Array<ArrayBuffer> | undefined;
}

/**
 * Local steps: a replica goes on from what was published, with one optimizer step for each of its batches (Stich 2019,
 * https://arxiv.org/abs/1805.09767), and contributes how far it came. A pure function of its arguments: nothing of it is left behind.
 * @returns as `localContributionLayout` has it
 */
export async function computeReplica(unit: Unit, options: ReplicaOptions): Promise<Float32Array<ArrayBuffer>> {
  const { manifest, optimizers, published, localSteps, gradients, progressed } = options;
  const start = replicaLayout(options);
  const layout = localContributionLayout(options, localSteps);
  const contribution = options.into ?? newVector(layout.length);
  contribution.fill(0);
  const weights = viewOf(published, start.weights).slice();
  const movingStatistics = viewOf(published, start.movingStatistics).slice();
  const states = momentsOf(options, published);
  const firstStep = unit.batches[0]?.step ?? 0;
  for (const [at, batch] of unit.batches.entries()) {
    const { phase, before } = placeOf(manifest, batch.iteration);
    for (const { name } of manifest.networks) {
      if (phase.updates.includes(name)) setPowers(states[name], name, options, batch.step, before);
    }
    const phaseLayout = contributionLayout(manifest, phase);
    const own = await gradients(batch, at, weights);
    const report = layout.reports[batch.step - firstStep]?.[manifest.phases.indexOf(phase)];
    if (!report) throw new RangeError(`a round of ${localSteps} steps has no step ${batch.step - firstStep}`);
    const add = ({ offset }: { readonly offset: number }, value: number) => {
      contribution[offset] = (contribution[offset] as number) + value;
    };
    for (const [name, section] of Object.entries(report.sums)) {
      const of = phaseLayout.sums[name];
      if (of) add(section, numberIn(own, of));
    }
    for (const [name, section] of Object.entries(report.norms)) {
      const of = phaseLayout.gradients[name];
      if (of) add(section, norm(viewOf(own, of)));
    }
    add(report.samples, batch.samples);
    applyGradients(
      { weights, movingStatistics, optimizers: states },
      own,
      phaseLayout,
      { manifest, optimizers },
      batch.step,
    );
    progressed?.(at + 1);
  }
  const samples = samplesIn(unit);
  const put = (
    section: Section,
    end: Float32Array,
    contribute: typeof differencesOfRootsInPlace = differencesInPlace,
  ) => {
    const into = viewOf(contribution, section);
    into.set(end);
    contribute(into, viewOf(published, section), samples);
  };
  put(start.weights, weights);
  for (const { network, name, asRoots, section } of start.moments) {
    const moment = states[network]?.moments[name];
    if (moment) put(section, moment, asRoots ? differencesOfRootsInPlace : differencesInPlace);
  }
  put(start.movingStatistics, movingStatistics);
  contribution[layout.samples.offset] = samples;
  return contribution;
}

/** What the optimizers of a replica begin with: moments that are carried on, and fresh ones. */
function momentsOf(recipe: Recipe, published: Float32Array): Record<string, OptimizerState> {
  const { manifest, optimizers } = recipe;
  const states = Object.fromEntries(
    manifest.networks.map(({ name, weights: { size } }) => [name, optimizerOf(specOf(optimizers, name)).init(size)]),
  );
  for (const { network, name, asRoots, section } of replicaLayout(recipe).moments) {
    const values = viewOf(published, section);
    const moment = states[network]?.moments[name];
    if (!moment) continue;
    moment.set(values);
    if (asRoots) squaresInPlace(moment);
  }
  return states;
}

/** The phase of a step's batch, and how many batches of the step come before it for each network. */
function placeOf(manifest: ModelManifest, iteration: number) {
  let first = 0;
  const before: Record<string, number> = {};
  for (const phase of manifest.phases) {
    const isHere = iteration < first + phase.times;
    const done = isHere ? iteration - first : phase.times;
    for (const name of phase.updates) before[name] = (before[name] ?? 0) + done;
    if (isHere) return { phase, before };
    first += phase.times;
  }
  throw new RangeError(`a step has ${first} batches; there is no batch ${iteration}`);
}

/**
 * Sets the powers that go on with the steps of the run to those before a batch, also where the replica had no samples in some of them;
 * those that begin anew count the replica's own updates.
 */
function setPowers(
  state: OptimizerState | undefined,
  network: string,
  { manifest, optimizers }: Recipe,
  step: number,
  before: Readonly<Record<string, number>>,
): void {
  if (!state) return;
  const { powers } = optimizerOf(specOf(optimizers, network));
  const updates = step * updatesPerStep(manifest, network) + (before[network] ?? 0);
  for (const [name, { base, isFresh }] of Object.entries(powers)) {
    if (!isFresh) state.scalars[name] = powerOf(base, updates);
  }
}

/** Updates of a network's weights in a step. */
export function updatesPerStep({ phases }: Pick<ModelManifest, 'phases'>, network: string): number {
  return phases.reduce((sum, { times, updates }) => sum + (updates.includes(network) ? times : 0), 0);
}

/** What was computed last: steps follow one another. */
const lastPower = new Map<number, { exponent: number; value: number }>();

/** baseⁿ, as it comes out when each step multiplies by the base: `Math.pow` gives other bits, and not the same everywhere. */
export function powerOf(base: number, exponent: number): number {
  const last = lastPower.get(base);
  let { exponent: at, value } = last && last.exponent <= exponent ? last : { exponent: 0, value: 1 };
  for (; at < exponent; at++) value *= base;
  lastPower.set(base, { exponent, value });
  return value;
}

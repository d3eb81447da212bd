import { GantryError } from '@gantry/core';
import { areAlike, isUsable, type Answer } from './answers.ts';
import { isAvailable } from './assignment.ts';
import type { UnitState } from './unit-state.ts';
import type { NodeResult, WorkerLink } from './worker-link.ts';
import type { RegisteredWorker } from './worker-registry.ts';

/** A newcomer that has not answered for so long, nor said that it goes on, gets another shard. */
const TRIAL_MS = 30_000;

/** The first shard of a newcomer. */
interface Trial {
  readonly shard: UnitState;
  /** When it was given, or the newcomer last said how far it is. */
  sinceMs: number;
  /** The newcomer's. */
  own?: Answer;
  /** The one that counts. */
  counted?: Answer;
}

export interface ProbationOptions {
  /** Counts an invalid result. */
  readonly invalid: (entry: RegisteredWorker, error: GantryError) => void;
  /** A newcomer has nothing to compute any more: since that round it got no weights. */
  readonly ended: (entry: RegisteredWorker, round: number) => void;
  /** A newcomer's answer to a shard is another one than that which counts. */
  readonly contradicted: (entry: RegisteredWorker, shard: UnitState, own: Answer, counted: Answer) => void;
}

/**
 * The workers that are new. The first shard of each is computed by another worker, too, and it is that one's answer that counts:
 * only when both agree, or where nobody else can do the work, a newcomer is given shards of its own.
 */
export class Probation {
  readonly #options: ProbationOptions;
  readonly #newcomers = new Map<RegisteredWorker, Trial | undefined>();

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  /** A worker has come. @param others who were there before: the first one has nobody to be compared with */
  join(entry: RegisteredWorker, others: readonly RegisteredWorker[]): void {
    if (!entry.link.isTrusted && others.some((other) => !this.#newcomers.has(other))) {
      this.#newcomers.set(entry, undefined);
    }
  }

  leave(entry: RegisteredWorker): void {
    this.#newcomers.delete(entry);
  }

  /** Whether a newcomer computes its first shard: it keeps the weights that it has. */
  isTrying(entry: RegisteredWorker): boolean {
    const trial = this.#newcomers.get(entry);
    return trial !== undefined && !trial.own;
  }

  /**
   * Who of some workers can be given what counts: newcomers only where there is nobody else, or all others have failed.
   * @param shards of the round under way
   */
  ordinary(available: readonly RegisteredWorker[], shards: readonly UnitState[]): readonly RegisteredWorker[] {
    const known = available.filter((entry) => !this.#newcomers.has(entry));
    const isHopeless = (shard: UnitState) => shard.isFree && known.every(({ link }) => shard.wasNonFiniteAt(link));
    if (known.length > 0 && !shards.some(isHopeless)) return known;
    const newcomer = available.find((entry) => this.#newcomers.has(entry));
    if (!newcomer) return known;
    this.#promote(newcomer);
    return [...known, newcomer].filter(isAvailable);
  }

  /** Who helps with a shard that is late. @param find chooses among some workers */
  helper(
    workers: readonly RegisteredWorker[],
    find: (among: readonly RegisteredWorker[]) => RegisteredWorker | undefined,
  ): RegisteredWorker | undefined {
    const helper = find(workers.filter((entry) => !this.#newcomers.has(entry))) ?? find(workers);
    if (!helper || !this.#newcomers.has(helper)) return helper;
    this.#promote(helper);
    return isAvailable(helper) ? helper : undefined;
  }

  /** Chooses the shard that newcomers compute, too, before somebody is given it. @param shards in the order in which they are given */
  share(shards: readonly UnitState[]): void {
    if (this.#waiting.length === 0 || shards.some(isShared)) return;
    const chosen = shards.find(({ isFree }) => isFree);
    if (chosen) chosen.isShared = true;
  }

  /** Gives newcomers their first shard. @param shards of the round under way */
  give(shards: readonly UnitState[]): void {
    const now = performance.now();
    for (const [entry, trial] of this.#newcomers) {
      if (trial && !trial.own && now - trial.sinceMs > TRIAL_MS) this.#wait(entry);
    }
    const shard = shards.find(isShared);
    if (!shard) return;
    for (const entry of this.#waiting.filter(isAvailable)) {
      this.#newcomers.set(entry, { shard, sinceMs: now });
      entry.try(shard);
    }
  }

  /** A worker has answered a shard. @returns whether that was a newcomer's first one, and is dealt with */
  answered(entry: RegisteredWorker, result: NodeResult): boolean {
    const { round, level, index, samples } = result;
    const trial = this.#trialOf(entry, round, index);
    if (!trial || level > 0) return false;
    const { shard } = trial;
    if (samples !== shard.samples) {
      this.#failed(entry, new GantryError('E_BAD_SHAPE', `${samples} samples where the shard has ${shard.samples}`));
    } else if (!isUsable(result)) {
      shard.nonFinite(entry.link);
      this.#failed(entry, new GantryError('E_NON_FINITE', 'a gradient that is not finite, or far too large'));
    } else {
      trial.own = { link: entry.link, sum: result.sum.slice() };
      this.#options.ended(entry, round);
      this.#compare(entry, trial);
    }
    return true;
  }

  /** A worker is at a unit that takes long: if that is a newcomer's first one, there is time for it. */
  progressed(entry: RegisteredWorker, round: number, index: number): void {
    const trial = this.#trialOf(entry, round, index);
    if (trial) trial.sinceMs = performance.now();
  }

  /** A worker could not compute a shard: if that was a newcomer's first one, it needs another. */
  gaveUp(entry: RegisteredWorker, round: number | undefined, index: number | undefined): void {
    if (this.#trialOf(entry, round, index)) this.#wait(entry);
  }

  /** An answer to a shard counts. @param sum is not kept */
  counted(shard: UnitState, link: WorkerLink, sum: Float32Array): void {
    const concerned = [...this.#newcomers].filter(([, trial]) => trial?.shard === shard);
    if (concerned.length === 0) return;
    const counted = { link, sum: sum.slice() };
    for (const [entry, trial] of concerned) {
      if (!trial) continue;
      trial.counted = counted;
      this.#compare(entry, trial);
    }
  }

  /** Those that have no first shard. */
  get #waiting(): readonly RegisteredWorker[] {
    return [...this.#newcomers].filter(([, trial]) => !trial).map(([entry]) => entry);
  }

  #trialOf(entry: RegisteredWorker, round: number | undefined, index: number | undefined): Trial | undefined {
    const trial = this.#newcomers.get(entry);
    return trial?.shard.work.round === round && trial?.shard.work.index === index ? trial : undefined;
  }

  /** It counts as one of those who were here before. */
  #promote(entry: RegisteredWorker): void {
    const trial = this.#newcomers.get(entry);
    this.#newcomers.delete(entry);
    if (trial && !trial.own) this.#options.ended(entry, trial.shard.work.round);
  }

  /** It needs another first shard. */
  #wait(entry: RegisteredWorker): void {
    const trial = this.#newcomers.get(entry);
    this.#newcomers.set(entry, undefined);
    if (trial && !trial.own) this.#options.ended(entry, trial.shard.work.round);
  }

  #failed(entry: RegisteredWorker, error: GantryError): void {
    this.#wait(entry);
    this.#options.invalid(entry, error);
  }

  #compare(entry: RegisteredWorker, { shard, own, counted }: Trial): void {
    if (!own || !counted) return;
    if (areAlike(own, counted)) {
      this.#newcomers.delete(entry);
      return;
    }
    // It has another chance, with somebody else perhaps.
    this.#newcomers.set(entry, undefined);
    this.#options.contradicted(entry, shard, own, counted);
  }
}

function isShared({ isShared: shared, accepted }: UnitState): boolean {
  return shared && !accepted;
}

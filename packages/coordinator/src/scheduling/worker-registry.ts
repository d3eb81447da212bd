import { samplesIn } from '@gantry/core';
import { Entitlements, keyOf } from './entitlements.ts';
import type { Holder, UnitState } from './unit-state.ts';
import type { ShardTimes, WorkerLink } from './worker-link.ts';

/** How much what was measured of a worker's speed before still counts. */
const SPEED_MEMORY = 0.7;
/** Of a speed that is only supposed, in samples: whatever is measured counts for more. */
const SUPPOSED_SAMPLES = 0.01;
/** How much nearer to the others a worker without work is believed to be after each round. */
const BENEFIT_OF_DOUBT = 0.03;
/** Workers that left and are still shown. */
const DEPARTED_REMEMBERED = 20;

/** A shard in the hands of a worker. */
export interface HeldShard {
  readonly shard: UnitState;
  /** When the worker is thought to have begun with it, by performance.now(). */
  startedMs: number | undefined;
  /** What is known of a unit of several batches: how many samples are done, in how many batches, and when that was heard. */
  progress: UnitProgressed | undefined;
  /** Set once the worker has its contribution, which is to come in a sum. @see ComputedShard */
  computed: ComputedShard | undefined;
}

interface UnitProgressed {
  readonly batches: number;
  readonly samples: number;
  /** By performance.now(). */
  readonly atMs: number;
}

/** Whether a worker has said of a unit that all of it is computed: the answer is on its way. */
export function isAllDone({ shard, progress, computed }: HeldShard): boolean {
  return !computed && progress?.batches === shard.work.batches.length;
}

/** A contribution that a worker has and has not sent. */
export interface ComputedShard extends ShardTimes {
  /** When it said so, by performance.now(). */
  readonly atMs: number;
}

/** How a worker came to be gone. */
interface Departure {
  readonly state: 'left' | 'quarantined';
  readonly cause: string;
}

/** A worker as the scheduler sees it. */
export class RegisteredWorker implements Holder {
  readonly link: WorkerLink;
  /** When it joined. */
  readonly since = new Date();
  /** What was accepted of it. */
  readonly accepted = { shards: 0, samples: 0 };
  departure: Departure | undefined;
  /** What it was given and still has to answer, oldest first. */
  #held: HeldShard[] = [];
  /** All it was given and has not answered, also what no longer counts. */
  readonly #unanswered = new Entitlements();
  /** All it was given and has not said to have computed. */
  readonly #unannounced = new Entitlements();
  /** How often it may say how far it is: it may not keep the coordinator busy with that. */
  readonly #unreported = new Entitlements();
  /** What it has been at for too long, and has not answered since. */
  readonly #lateWith = new Set<string>();
  /** Time that it took for samples, by this process's clock: what it says itself may be wrong. The latest count most. */
  #busyMs: number;
  #samples = SUPPOSED_SAMPLES;
  #measuredSinceRound = true;

  /** @param msPerSample how fast it is supposed to be as long as nothing was measured */
  constructor(link: WorkerLink, msPerSample: number) {
    this.link = link;
    this.#busyMs = msPerSample * SUPPOSED_SAMPLES;
  }

  get msPerSample(): number {
    return this.#busyMs / this.#samples;
  }

  /** Whether it has been at some unit for too long: it gets nothing new until it has answered. */
  get isLate(): boolean {
    return this.#lateWith.size > 0;
  }

  isLateWith({ work }: UnitState): boolean {
    return this.#lateWith.has(keyOf(work.round, work.index));
  }

  /** It has been at a unit that it holds for too long. */
  foundLate({ work }: UnitState): void {
    this.#lateWith.add(keyOf(work.round, work.index));
  }

  /**
   * A round begins. A worker that seemed slow gets no work, and would never be measured again: with each round it is
   * believed a little more to be as fast as others.
   * @param usualMsPerSample undefined before the first result
   */
  beginRound(usualMsPerSample: number | undefined): void {
    const { msPerSample } = this;
    if (!this.#measuredSinceRound && usualMsPerSample !== undefined && usualMsPerSample < msPerSample) {
      this.#busyMs += BENEFIT_OF_DOUBT * (usualMsPerSample - msPerSample) * this.#samples;
    }
    this.#measuredSinceRound = false;
  }

  /** Learns from a unit that it has computed. Two may be heard of at once: then the first one's time is that of both. */
  measured(samples: number, elapsedMs: number): void {
    this.#measuredSinceRound = true;
    this.#busyMs = SPEED_MEMORY * this.#busyMs + elapsedMs;
    this.#samples = SPEED_MEMORY * this.#samples + samples;
  }

  /** The held shards of one round, oldest first. */
  heldOf(round: number): readonly HeldShard[] {
    return this.#held.filter(({ shard }) => shard.work.round === round);
  }

  /** The last shard of a round that it has not come to, and will not come to as soon as it has the weights. */
  lastUnbegun(round: number): UnitState | undefined {
    const first = this.link.isWaiting() ? this.toCompute(round).slice(0, this.link.slots) : [];
    return this.heldOf(round).findLast((held) => held.startedMs === undefined && !first.includes(held))?.shard;
  }

  get heldShards(): readonly UnitState[] {
    return this.#held.map(({ shard }) => shard);
  }

  /** Shards that it has still to compute. @param round of this round only; absent: of any */
  toCompute(round?: number): readonly HeldShard[] {
    return this.#held.filter(
      (held) => !held.computed && !isAllDone(held) && (round === undefined || held.shard.work.round === round),
    );
  }

  /** It has computed a shard and keeps the contribution for a sum. @returns whether it is one that it holds */
  computed(round: number, index: number, computed: ComputedShard): UnitState | undefined {
    const held = this.heldOf(round).find((each) => !each.computed && each.shard.work.index === index);
    if (held) held.computed = computed;
    return held?.shard;
  }

  /**
   * It has computed some batches of a unit.
   * @returns how many were known to be done before, where that is news of a unit that it holds
   */
  progressed(round: number, index: number, batches: number, now: number): number | undefined {
    const held = this.toCompute(round).find(({ shard }) => shard.work.index === index);
    const { batches: before = 0, samples: had = 0, atMs = held?.startedMs } = held?.progress ?? {};
    if (!held || batches <= before || batches > held.shard.work.batches.length) return undefined;
    const samples = samplesIn({ batches: held.shard.work.batches.slice(0, batches) });
    if (atMs !== undefined) this.measured(samples - had, now - atMs);
    held.progress = { batches, samples, atMs: now };
    return before;
  }

  /** What it said of a shard that it has computed and not sent. */
  computedOf(shard: UnitState): ComputedShard | undefined {
    return this.#held.find((held) => held.shard === shard)?.computed;
  }

  /** @param isAlone as of `WorkerLink.assign` */
  give(shard: UnitState, isAlone: boolean): void {
    this.#held.push({ shard, startedMs: undefined, progress: undefined, computed: undefined });
    this.#entitle(shard);
    this.#unannounced.add(shard.work.round, shard.work.index);
    shard.givenTo(this);
    this.link.assign(shard.work, isAlone);
  }

  /** Gives a shard that another worker holds: whatever becomes of this answer, it does not count. */
  try(shard: UnitState): void {
    this.#entitle(shard);
    this.link.assign(shard.work, true);
  }

  #entitle({ work: { round, index, batches } }: UnitState): void {
    this.#unanswered.add(round, index);
    if (batches.length > 1) this.#unreported.add(round, index, batches.length);
  }

  /** Time since it is thought to have begun with a shard that it holds, in ms. */
  timeOn(shard: UnitState, now: number): number {
    return now - (this.#held.find((held) => held.shard === shard)?.startedMs ?? now);
  }

  /** Takes a shard back; the worker may answer all the same. */
  take(shard: UnitState): void {
    this.#held = this.#held.filter((held) => held.shard !== shard);
    shard.takenFrom(this);
  }

  /** Whether an answer to this shard was awaited; it no longer is. */
  answered(round: number, index: number): boolean {
    this.#lateWith.delete(keyOf(round, index));
    return this.#unanswered.use(round, index);
  }

  /** Whether it might say that it has computed this shard; it may not again. */
  announced(round: number, index: number): boolean {
    return this.#unannounced.use(round, index);
  }

  /** Whether it might say how far it is with this unit: not more often than the unit has batches, each time that it was given. */
  reported(round: number, index: number): boolean {
    return this.#unreported.use(round, index);
  }

  /** Notes which shards of the round have come to the front, where they are computed once the weights are on their way. */
  noteStarts(round: number, now: number): void {
    if (this.link.isWaiting()) return;
    for (const held of this.toCompute(round).slice(0, this.link.slots)) held.startedMs ??= now;
  }

  /** Of a round, what it holds and has not computed. */
  samplesToCompute(round: number): number {
    return this.toCompute(round).reduce(
      (sum, { shard, progress }) => sum + shard.samples - (progress?.samples ?? 0),
      0,
    );
  }

  /** Expected time for so many samples, in ms. */
  msFor(samples: number): number {
    return (samples * this.msPerSample) / this.link.slots;
  }

  /** Expected time until it has computed all that it has to compute of a round and `samples` more, in ms. */
  expectedMs(round: number, samples = 0): number {
    return this.msFor(this.samplesToCompute(round) + samples);
  }
}

/** The workers that are there, and the last ones that left. */
export class WorkerRegistry {
  readonly #present = new Map<WorkerLink, RegisteredWorker>();
  #departed: RegisteredWorker[] = [];

  get size(): number {
    return this.#present.size;
  }

  get links(): readonly WorkerLink[] {
    return [...this.#present.keys()];
  }

  get departed(): readonly RegisteredWorker[] {
    return this.#departed;
  }

  get(link: WorkerLink): RegisteredWorker | undefined {
    return this.#present.get(link);
  }

  values(): IterableIterator<RegisteredWorker> {
    return this.#present.values();
  }

  /** @param msPerSample how fast it is supposed to be */
  add(link: WorkerLink, msPerSample: number): RegisteredWorker {
    const entry = new RegisteredWorker(link, msPerSample);
    this.#present.set(link, entry);
    // It is back, and its name is the one that people know.
    this.#departed = this.#departed.filter((gone) => gone.link.name !== link.name);
    return entry;
  }

  remove(entry: RegisteredWorker, departure: Departure): void {
    this.#present.delete(entry.link);
    entry.departure = departure;
    this.#departed = [...this.#departed, entry].slice(-DEPARTED_REMEMBERED);
  }
}

/**
 * Median of the workers' times per sample, one for each of the last shards, from their begin until the answer was here: what counts
 * as late is measured by it. Computing alone is not enough: where the network or the coordinator is the bottleneck, everyone would
 * be late.
 */
export class RecentPace {
  readonly #msPerSample: number[] = [];

  record(msPerSample: number): void {
    this.#msPerSample.push(msPerSample);
    if (this.#msPerSample.length > 64) this.#msPerSample.shift();
  }

  /** undefined until something was recorded */
  get medianMsPerSample(): number | undefined {
    const sorted = this.#msPerSample.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }
}

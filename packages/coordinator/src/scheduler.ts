import { createHash } from 'node:crypto';
import { GantryError, IMAGE_PIXELS, ReductionTree, type ShardWork } from '@gantry/core';
import { findLate, findTheft, soonest } from './distribution.ts';
import { RecentPace, RosterEntry, type ShardState } from './roster.ts';
import type { RunEvent } from './run-lines.ts';
import type { PublishedWeights, ShardResult, WorkerLink } from './worker-link.ts';

/** How often lateness and stalls are looked for. */
const WATCH_MS = 50;
/** Without an accepted result for so long a stall is reported, and again each time so much more has passed. */
const STALL_MS = 4000;
/** With one invalid result more, a worker is dropped. */
const INVALID_RESULTS_ALLOWED = 2;

/** One accepted leaf, for the record. */
interface AcceptedWork {
  readonly shard: number;
  readonly worker: string;
  readonly numericClass: string;
  readonly samples: number;
  readonly computeMs: number;
  readonly waitMs: number;
}

export interface StepResult {
  /** Sum of the leaves. */
  readonly root: Float32Array;
  readonly work: readonly AcceptedWork[];
  /** Spent checking and adding leaves. */
  readonly reduceMs: number;
}

interface StepState {
  readonly step: number;
  readonly weights: PublishedWeights;
  readonly shards: readonly ShardState[];
  readonly tree: ReductionTree;
  readonly work: AcceptedWork[];
  reduceMs: number;
  lastProgressMs: number;
  stallsReported: number;
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: GantryError) => void;
}

/** What happened, without the step, which the scheduler adds. */
type SchedulerEvent = { readonly type: string; readonly [detail: string]: unknown };

/**
 * Distributes the shards of each step over whatever workers there are and reduces what comes back. Workers may join,
 * leave, fail, freeze and answer twice at any moment: which worker computes a shard never changes the result.
 *
 * Every worker gets its share at once, in proportion to its measured speed. Who runs dry takes over what others have
 * not begun; what is late is computed twice, and the first valid answer counts.
 */
export class Scheduler {
  readonly #roster = new Map<WorkerLink, RosterEntry>();
  readonly #pace = new RecentPace();
  readonly #onEvent: (event: RunEvent) => void;
  #current: StepState | undefined;
  /** Steps begun. */
  #step = 0;
  /** Shards of the step after the current one: given to idle workers ahead, so that they prepare the inputs. */
  #ahead: readonly ShardState[] = [];

  constructor(onEvent: (event: RunEvent) => void) {
    this.#onEvent = onEvent;
  }

  get workers(): readonly WorkerLink[] {
    return [...this.#roster.keys()];
  }

  /** A worker is ready for work. */
  join(link: WorkerLink): void {
    const others = new Set(this.workers.map(({ numericClass }) => numericClass));
    this.#roster.set(link, new RosterEntry(link));
    this.#event({ type: 'joined', worker: link.name, class: link.numericClass, slots: link.slots });
    if (others.size > 0 && !others.has(link.numericClass)) {
      const cause = 'numeric classes differ: the bits of the result now depend on which worker computes what';
      this.#event({ type: 'classes-mixed', classes: [...others, link.numericClass], cause });
    }
    if (this.#current) {
      // Until now nobody could have made progress.
      if (others.size === 0) this.#current.lastProgressMs = performance.now();
      link.setWeights(this.#current.weights);
    }
    this.#distribute();
  }

  /** A worker is gone; what it held goes to others. */
  leave(link: WorkerLink, cause: string): void {
    const entry = this.#roster.get(link);
    if (!entry) return;
    this.#roster.delete(link);
    this.#event({ type: 'left', worker: link.name, cause });
    for (const shard of entry.heldShards) this.#release(entry, shard, cause);
    this.#distribute();
  }

  /**
   * Computes one step. One step at a time.
   * @param ahead the shards of the next step, for workers that have nothing else to do
   * @throws GantryError E_DIVERGED if a shard's gradients are not finite and a second answer confirms it; E_TIMEOUT if
   *   `signal` aborts while there is no worker
   */
  async runStep(
    weights: PublishedWeights,
    shards: readonly ShardWork[],
    ahead: readonly ShardWork[],
    signal: AbortSignal,
  ): Promise<StepResult> {
    const prepared = this.#ahead;
    this.#ahead = ahead.map(newShard);
    this.#step = weights.version;
    const watch = setInterval(() => this.#watch(signal), WATCH_MS);
    try {
      return await new Promise<StepResult>((resolve, reject) => {
        this.#current = {
          step: weights.version,
          weights,
          shards: shards.map((work) => prepared.find((shard) => sameShard(shard.work, work)) ?? newShard(work)),
          tree: new ReductionTree(shards.length),
          work: [],
          reduceMs: 0,
          lastProgressMs: performance.now(),
          stallsReported: 0,
          resolve,
          reject,
        };
        for (const { link } of this.#roster.values()) link.setWeights(weights);
        this.#distribute();
      });
    } finally {
      clearInterval(watch);
      this.#current = undefined;
    }
  }

  /** A worker's answer; one that it should not have sent counts against it. */
  result(link: WorkerLink, result: ShardResult): void {
    const entry = this.#roster.get(link);
    if (!entry) return;
    const { step, index } = result;
    const current = this.#current;
    if (!entry.answered(step, index)) {
      const code = step < this.#step ? 'E_STALE_STEP' : 'E_NOT_ASSIGNED';
      this.#invalid(entry, new GantryError(code, `${link.name} was not given shard ${index} of step ${step}`));
    } else if (step === current?.step) {
      const shard = current.shards[index];
      if (shard) this.#answer(current, shard, entry, result);
    } else if (step > this.#step) {
      this.failure(link, new GantryError('E_STALE_STEP', `step ${step} has no weights yet`), step, index);
    }
    // What remains came too late for its step, and that is nobody's fault.
    this.#distribute();
  }

  /** A worker says that something went wrong, where it concerns a shard with this one. */
  failure(link: WorkerLink, error: GantryError, step?: number, index?: number): void {
    const entry = this.#roster.get(link);
    if (!entry) return;
    const shard = entry.heldShards.find(({ work }) => work.step === step && work.index === index);
    if (shard) {
      entry.answered(shard.work.step, shard.work.index);
      this.#release(entry, shard, error.message);
    }
    this.#invalid(entry, error);
    this.#distribute();
  }

  #answer(current: StepState, shard: ShardState, entry: RosterEntry, result: ShardResult): void {
    const { leaf, samples, computeMs, waitMs, index } = result;
    const begin = performance.now();
    if (samples !== shard.samples) {
      this.#refuse(
        entry,
        shard,
        new GantryError('E_BAD_SHAPE', `${samples} samples where the shard has ${shard.samples}`),
      );
      return;
    }
    if (!isFinite32(leaf)) {
      this.#notFinite(current, shard, entry);
      return;
    }
    entry.take(shard);
    entry.measured(samples, computeMs);
    this.#pace.record(samples, computeMs);
    if (shard.accepted) {
      this.#compare(shard, entry, leaf);
      return;
    }
    shard.accepted = { worker: entry, hash: shard.holders.size > 0 ? hashOf(leaf) : undefined };
    current.tree.add({ level: 0, index }, leaf);
    for (const other of shard.holders) {
      other.take(shard);
      other.link.cancel(current.step, index);
    }
    const { name: worker, numericClass } = entry.link;
    current.work.push({ shard: index, worker, numericClass, samples, computeMs, waitMs });
    const now = performance.now();
    current.reduceMs += now - begin;
    current.lastProgressMs = now;
    current.stallsReported = 0;
    if (current.tree.missing === 0) {
      this.#current = undefined;
      current.resolve({ root: current.tree.root(), work: current.work, reduceMs: current.reduceMs });
    }
  }

  /** A second answer to a shard: between workers of one numeric class it must have the same bits. */
  #compare(shard: ShardState, entry: RosterEntry, leaf: Float32Array): void {
    const { worker: first, hash } = shard.accepted ?? {};
    if (!first || hash === undefined) return;
    const equal = hash === hashOf(leaf);
    const workers = [first.link.name, entry.link.name];
    this.#event({ type: 'compared', shard: shard.work.index, workers, equal });
    if (!equal && first.link.numericClass === entry.link.numericClass) {
      const cause = `${workers.join(' and ')} are of one numeric class and gave different bits: one of them computes wrongly`;
      this.#event({ type: 'bits-differ', shard: shard.work.index, workers, cause });
    }
  }

  #notFinite(current: StepState, shard: ShardState, entry: RosterEntry): void {
    // With a single worker, its second answer has to do for a second opinion.
    const confirmed = shard.nonFinite.size > 0 && (!shard.nonFinite.has(entry) || this.#roster.size === 1);
    shard.nonFinite.add(entry);
    if (confirmed) {
      const workers = [...shard.nonFinite].map(({ link }) => link.name).join(' and ');
      const where = `training diverged in step ${current.step + 1}`;
      current.reject(new GantryError('E_DIVERGED', `${where}: ${workers} found gradients that are not finite`));
      return;
    }
    this.#refuse(entry, shard, new GantryError('E_NON_FINITE', 'a gradient that is not finite'));
  }

  /** Does not accept an answer: the shard goes to another worker. */
  #refuse(entry: RosterEntry, shard: ShardState, error: GantryError): void {
    this.#release(entry, shard, error.message);
    this.#invalid(entry, error);
  }

  #invalid(entry: RosterEntry, error: GantryError): void {
    const { link } = entry;
    entry.invalidResults++;
    this.#event({ type: 'invalid', worker: link.name, code: error.code, cause: error.message });
    if (entry.invalidResults <= INVALID_RESULTS_ALLOWED) {
      link.refuse(error);
      return;
    }
    const cause = `${entry.invalidResults} invalid results, the last: ${error.message}`;
    this.#event({ type: 'quarantined', worker: link.name, cause });
    this.leave(link, 'quarantined');
    link.drop(new GantryError('E_QUARANTINED', cause));
  }

  /** A worker will not answer a shard: it waits for another one. */
  #release(entry: RosterEntry, shard: ShardState, cause: string): void {
    entry.take(shard);
    if (shard.accepted) return;
    this.#event({ type: 'requeued', shard: shard.work.index, of: shard.work.step + 1, worker: entry.link.name, cause });
  }

  #distribute(): void {
    const roster = this.#roster.values.bind(this.#roster);
    const current = this.#current;
    if (current) {
      for (const shard of current.shards) {
        if (!shard.accepted && shard.holders.size === 0) soonest(roster(), shard)?.give(shard);
      }
      for (const entry of roster()) this.#steal(entry, current.step);
    }
    for (const entry of roster()) {
      while (entry.heldShards.length < entry.link.slots) {
        const shard = this.#ahead.find(({ holders }) => holders.size === 0);
        if (!shard) break;
        entry.give(shard);
      }
      entry.noteStarts(current?.step ?? -1, performance.now());
    }
  }

  /** Keeps a worker busy with what others have not begun. */
  #steal(thief: RosterEntry, step: number): void {
    while (thief.heldOf(step).length < thief.link.slots) {
      const theft = findTheft(this.#roster.values(), thief, step);
      if (!theft) return;
      const { victim, shard } = theft;
      victim.take(shard);
      victim.link.cancel(step, shard.work.index);
      this.#event({ type: 'stolen', shard: shard.work.index, from: victim.link.name, worker: thief.link.name });
      thief.give(shard);
    }
  }

  #watch(signal: AbortSignal): void {
    const current = this.#current;
    if (!current) return;
    if (signal.aborted && this.#roster.size === 0) {
      current.reject(new GantryError('E_TIMEOUT', 'stopped while there was no worker'));
    }
    const now = performance.now();
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    for (const late of findLate(this.#roster.values(), current.step, this.#pace.medianMsPerSample, now)) {
      const { shard, holder } = late;
      const idle = [...this.#roster.values()].find((entry) => entry.heldOf(current.step).length === 0);
      if (!idle) break;
      const cause = `no answer for ${seconds(late.elapsedMs)} s where ${seconds(late.usualMs)} s is usual`;
      const names = { from: holder.link.name, worker: idle.link.name };
      this.#event({ type: 'duplicated', shard: shard.work.index, ...names, cause });
      idle.give(shard);
      idle.noteStarts(current.step, now);
    }
    const silentMs = now - current.lastProgressMs;
    if (silentMs <= STALL_MS * (current.stallsReported + 1)) return;
    current.stallsReported++;
    for (const stall of describeStall(current.shards, this.#roster.size, `${seconds(silentMs)} s`)) this.#event(stall);
  }

  #event(event: SchedulerEvent): void {
    this.#onEvent({ step: this.#step, ...event });
  }
}

/** Who keeps a step from going on, why, and what helps. */
function describeStall(shards: readonly ShardState[], workers: number, duration: string): SchedulerEvent[] {
  if (workers === 0) {
    return [{ type: 'stall', cause: `no worker for ${duration}`, remedy: 'attach one with: gantry worker URL' }];
  }
  return shards
    .filter(({ accepted }) => !accepted)
    .map(({ work, holders }) => ({
      type: 'stall',
      shard: work.index,
      worker: [...holders].map(({ link }) => link.name).join(' and '),
      cause: `no answer for ${duration}`,
      remedy: 'the first worker that is free computes it, too; attach more workers, or end this one',
    }));
}

function newShard(work: ShardWork): ShardState {
  const samples = work.images.length / IMAGE_PIXELS;
  return { work, samples, holders: new Set(), nonFinite: new Set(), accepted: undefined };
}

function sameShard(a: ShardWork, b: ShardWork): boolean {
  return a.step === b.step && a.index === b.index;
}

function hashOf(leaf: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(leaf.buffer, leaf.byteOffset, leaf.byteLength))
    .digest('hex');
}

function isFinite32(vector: Float32Array): boolean {
  // x − x is 0 for finite x and NaN otherwise, and a NaN survives every further addition: no branch in the loop.
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) - (vector[i] as number);
  return sum === 0;
}

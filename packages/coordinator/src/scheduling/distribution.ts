import type { RunEvent } from '@gantry/core';
import { assign, findLate, findTheft, freeFor, isAvailable, needsAnother } from './assignment.ts';
import type { Court } from './court.ts';
import type { Probation } from './probation.ts';
import type { RoundInProgress } from './round-in-progress.ts';
import type { UnitState } from './unit-state.ts';
import type { RecentPace, RegisteredWorker, WorkerRegistry } from './worker-registry.ts';

export interface DistributionOptions {
  readonly registry: WorkerRegistry;
  readonly pace: RecentPace;
  readonly probation: Probation;
  readonly court: Court;
  /** Whether workers are audited: then each shard is asked for by itself. */
  readonly isAudited: boolean;
  readonly onEvent: (event: RunEvent) => void;
  /** The round under way. */
  readonly current: () => RoundInProgress | undefined;
}

/** Carries out who computes what: gives shards to workers, and takes them back. */
export class Distribution {
  readonly #options: DistributionOptions;
  /** Shards of the round after the current one: given to idle workers ahead, so that they prepare the inputs. */
  ahead: readonly UnitState[] = [];

  constructor(options: DistributionOptions) {
    this.#options = options;
  }

  /** Gives out what waits for a worker. */
  distribute(): void {
    const { registry, probation, court } = this.#options;
    const current = this.#options.current();
    const entries = probation.ordinary([...registry.values()].filter(isAvailable), current?.shards ?? []);
    probation.share([...(current?.shards ?? []), ...this.ahead]);
    if (current) {
      const free = current.shards.filter(({ isFree }) => isFree);
      for (const [entry, shards] of assign(entries, free)) for (const shard of shards) this.give(entry, shard);
      for (const shard of current.shards) if (shard.lacksSecond) court.giveSecond(current, shard, entries);
      const { round } = current;
      // Among many workers, looking for each of them would take longer than receiving an answer.
      if ([...registry.values()].some((victim) => victim.lastUnbegun(round))) {
        for (const entry of entries) this.#steal(entry, round);
      }
      probation.give(current.shards);
    }
    for (const entry of entries) {
      // Who has no weights yet will not have those of the next round soon.
      while (!entry.link.isWaiting() && entry.toCompute().length < entry.link.slots) {
        const free = this.ahead.filter(({ holders }) => holders.size === 0);
        // Who would get none gets one all the same: it has nothing else to do, and its speed would never be measured.
        const shard = assign(entries, free).get(entry)?.[0] ?? free.at(-1);
        if (!shard) break;
        this.give(entry, shard);
      }
      entry.noteStarts(current?.round ?? -1, performance.now());
    }
  }

  give(entry: RegisteredWorker, shard: UnitState): void {
    entry.give(shard, shard.isShared || this.#options.isAudited);
  }

  /** Keeps a worker busy with what others have not begun. */
  #steal(thief: RegisteredWorker, round: number): void {
    while (thief.toCompute(round).length < thief.link.slots) {
      const theft = findTheft(this.#options.registry.values(), thief, round);
      if (!theft) return;
      const { victim, shard } = theft;
      victim.take(shard);
      victim.link.cancel(round, shard.work.index);
      this.#options.onEvent({
        type: 'stolen',
        shard: shard.work.index,
        from: victim.link.name,
        worker: thief.link.name,
      });
      this.give(thief, shard);
    }
  }

  /** A worker will not answer shards: they wait for another one. */
  release(entry: RegisteredWorker, shards: readonly UnitState[], cause: string): void {
    for (const shard of shards) {
      entry.take(shard);
      if (!shard.requeue()) continue;
      const { index } = shard.work;
      this.#options.onEvent({ type: 'requeued', shard: index, of: shard.firstStep, worker: entry.link.name, cause });
    }
  }

  /** Takes back what a worker was given ahead: it will be long until it has the weights for that. */
  spare(entry: RegisteredWorker, round: number, cause: string): void {
    const shards = entry.heldOf(round).map(({ shard }) => shard);
    this.release(entry, shards, cause);
    for (const { work } of shards) entry.link.cancel(round, work.index);
  }

  /** Gives what is late to others, too. */
  watchLateness(current: RoundInProgress, now: number): void {
    const workers = [...this.#options.registry.values()];
    const usual = this.#options.pace.medianMsPerSample;
    const late = [...findLate(workers, current.round, usual, now)];
    for (const { holder, shard } of late) holder.foundLate(shard);
    // What they have not begun goes to others.
    if (late.length > 0) this.distribute();
    for (const shard of current.shards) {
      const [from] = shard.holders;
      if (!from || shard.accepted || !needsAnother(shard, usual, now)) continue;
      const helper = this.#options.probation.helper(workers, (among) => freeFor(shard, among));
      if (!helper) {
        if (shard.isHeard) void this.#options.court.judge(current, shard);
        continue;
      }
      const elapsed = (from.timeOn(shard, now) / 1000).toFixed(1);
      const expected =
        usual === undefined ? 'nobody has answered yet' : `${((shard.samples * usual) / 1000).toFixed(1)} s is usual`;
      this.#options.onEvent({
        type: 'duplicated',
        shard: shard.work.index,
        from: from.link.name,
        worker: helper.link.name,
        cause: `no answer for ${elapsed} s where ${expected}`,
      });
      shard.duplicate();
      this.give(helper, shard);
      helper.noteStarts(current.round, now);
    }
  }
}

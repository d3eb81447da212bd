/** Who should compute what: decisions about one step, without carrying them out. */
import type { WatchedStall } from '@gantry/core';
import type { HeldShard, RosterEntry, ShardState } from './roster.ts';

/** A shard that takes this many times the usual time is given to an idle worker, too. */
const LATE_FACTOR = 3;
const LATE_AT_LEAST_MS = 100;

/** The worker that is expected to have a shard done first; those that failed at it come last. */
export function soonest(roster: Iterable<RosterEntry>, shard: ShardState): RosterEntry | undefined {
  const failed = (entry: RosterEntry) => (shard.nonFinite.has(entry.link.identity) ? 1 : 0);
  const finished = (entry: RosterEntry) => entry.expectedMs(shard.work.step, shard.samples);
  return [...roster].toSorted((a, b) => failed(a) - failed(b) || finished(a) - finished(b))[0];
}

/** A shard that another worker holds and has not begun, and that `thief` would finish sooner and has not failed at. */
export function findTheft(
  roster: Iterable<RosterEntry>,
  thief: RosterEntry,
  step: number,
): { victim: RosterEntry; shard: ShardState } | undefined {
  for (const victim of [...roster].toSorted((a, b) => b.expectedMs(step) - a.expectedMs(step))) {
    const shard = victim.heldOf(step).findLast(({ startedMs }) => startedMs === undefined)?.shard;
    if (!shard || victim === thief || shard.holders.has(thief) || shard.nonFinite.has(thief.link.identity)) continue;
    if (thief.expectedMs(step, shard.samples) < victim.expectedMs(step)) return { victim, shard };
  }
  return undefined;
}

/** A shard that is late with its only holder. */
export interface LateShard {
  readonly holder: RosterEntry;
  readonly shard: ShardState;
  readonly elapsedMs: number;
  readonly usualMs: number;
}

/**
 * How long a worker has been at a shard, and how long is usual; undefined while that is no reason to worry.
 * @param paceMsPerSample usual time; absent: the worker's own
 */
export function lateness(
  holder: RosterEntry,
  { shard, startedMs }: HeldShard,
  paceMsPerSample: number | undefined,
  now: number,
): { elapsedMs: number; usualMs: number } | undefined {
  const elapsedMs = now - (startedMs ?? now);
  const usualMs = shard.samples * (paceMsPerSample ?? holder.msPerSample);
  return elapsedMs > Math.max(LATE_AT_LEAST_MS, LATE_FACTOR * usualMs) ? { elapsedMs, usualMs } : undefined;
}

/** @param paceMsPerSample usual time; absent: each worker's own */
export function* findLate(
  roster: Iterable<RosterEntry>,
  step: number,
  paceMsPerSample: number | undefined,
  now: number,
): Generator<LateShard> {
  for (const holder of roster) {
    for (const held of holder.heldOf(step)) {
      const late = held.shard.holders.size === 1 && lateness(holder, held, paceMsPerSample, now);
      if (late) yield { holder, shard: held.shard, ...late };
    }
  }
}

/** Who keeps a step from going on, why, and what helps. @param silentMs time since anything was accepted */
export function describeStalls(shards: readonly ShardState[], workers: number, silentMs: number): WatchedStall[] {
  const duration = `${(silentMs / 1000).toFixed(1)} s`;
  if (workers === 0) return [{ cause: `no worker for ${duration}`, remedy: 'attach one with: gantry worker URL' }];
  return shards
    .filter(({ accepted }) => !accepted)
    .map(({ work, holders }) => ({
      shard: work.index,
      worker: [...holders].map(({ link }) => link.name).join(' and '),
      cause: `no answer for ${duration}`,
      remedy: 'the first worker that is free computes it, too; attach more workers, or end this one',
    }));
}

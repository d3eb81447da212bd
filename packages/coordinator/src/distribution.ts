/** Who should compute what: decisions about one step, without carrying them out. */
import type { RosterEntry, ShardState } from './roster.ts';

/** A shard that takes this many times the usual time is given to an idle worker, too. */
const LATE_FACTOR = 3;
const LATE_AT_LEAST_MS = 100;

/** The worker that is expected to have a shard done first; those that failed at it come last. */
export function soonest(roster: Iterable<RosterEntry>, shard: ShardState): RosterEntry | undefined {
  const failed = (entry: RosterEntry) => (shard.nonFinite.has(entry) ? 1 : 0);
  const finished = (entry: RosterEntry) => entry.expectedMs(shard.work.step, shard.samples);
  return [...roster].toSorted((a, b) => failed(a) - failed(b) || finished(a) - finished(b))[0];
}

/** A shard that another worker holds and has not begun, and that `thief` would finish sooner. */
export function findTheft(
  roster: Iterable<RosterEntry>,
  thief: RosterEntry,
  step: number,
): { victim: RosterEntry; shard: ShardState } | undefined {
  for (const victim of [...roster].toSorted((a, b) => b.expectedMs(step) - a.expectedMs(step))) {
    const shard = victim.heldOf(step).findLast(({ startedMs }) => startedMs === undefined)?.shard;
    if (!shard || victim === thief || shard.holders.has(thief)) continue;
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

/** @param paceMsPerSample usual time; absent: each worker's own */
export function* findLate(
  roster: Iterable<RosterEntry>,
  step: number,
  paceMsPerSample: number | undefined,
  now: number,
): Generator<LateShard> {
  for (const holder of roster) {
    for (const { shard, startedMs = now } of holder.heldOf(step)) {
      const elapsedMs = now - startedMs;
      const usualMs = shard.samples * (paceMsPerSample ?? holder.msPerSample);
      const late = elapsedMs > Math.max(LATE_AT_LEAST_MS, LATE_FACTOR * usualMs);
      if (late && shard.holders.size === 1) yield { holder, shard, elapsedMs, usualMs };
    }
  }
}

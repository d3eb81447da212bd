/** Who should compute what: decisions about one round, without carrying them out. */
import type { WatchedStall } from '@gantry/core';
import type { SchedulerView } from './scheduler-view.ts';
import type { UnitState } from './unit-state.ts';
import { isAllDone, type HeldShard, type RegisteredWorker } from './worker-registry.ts';

/** A shard that takes this many times the usual time is given to an idle worker, too. */
const LATE_FACTOR = 3;
const LATE_AT_LEAST_MS = 100;
/** The same between two batches of a unit: of those that are done soon, a worker does not tell each. */
const BATCH_LATE_AT_LEAST_MS = 2000;
/** A unit that takes this many times the usual time goes to an idle worker however steadily it advances: half of it may be waiting. */
const UNIT_LATE_FACTOR = 2 * LATE_FACTOR;
/** For so long, nobody but who has a shard tries it, as long as no worker has answered anything. */
const FIRST_ANSWER_MS = 500;
/** What is late as long as no worker has answered anything: some devices take seconds for a shard. */
const LATE_AT_FIRST_MS = 10_000;

/** The worker that is expected to have a shard done first; those that failed at it come last. */
function soonest(workers: Iterable<RegisteredWorker>, shard: UnitState): RegisteredWorker | undefined {
  const failed = (entry: RegisteredWorker) => (shard.wasNonFiniteAt(entry.link) ? 1 : 0);
  const finished = (entry: RegisteredWorker) => entry.expectedMs(shard.work.round, shard.samples);
  return [...workers].toSorted((a, b) => failed(a) - failed(b) || finished(a) - finished(b))[0];
}

/**
 * Assigns shards so that all workers end at about the same time, neighbours to one worker: it can send them as one sum.
 * @param shards of one round, in order, that nobody has
 */
export function assign(
  workers: Iterable<RegisteredWorker>,
  shards: readonly UnitState[],
): Map<RegisteredWorker, UnitState[]> {
  const entries = [...workers];
  const assigned = new Map<RegisteredWorker, UnitState[]>();
  const add = (entry: RegisteredWorker, shard: UnitState) =>
    assigned.set(entry, [...(assigned.get(entry) ?? []), shard]);
  // Where an answer was not finite, another worker's is wanted; for the rest, only how many go to whom is fixed yet.
  const [doubtful, others] = [shards.filter(isDoubtful), shards.filter((shard) => !isDoubtful(shard))];
  const shares = shareOut(entries, others);
  let next = 0;
  for (const [entry, count] of inOrderOfShards(shares, others[0]?.work.round ?? 0)) {
    for (const shard of others.slice(next, next + count)) add(entry, shard);
    next += count;
  }
  for (const shard of doubtful) {
    const entry = soonest(entries, shard);
    if (entry) add(entry, shard);
  }
  return assigned;
}

const isDoubtful = ({ nonFiniteAt }: UnitState): boolean => nonFiniteAt.length > 0;

/** How many of the shards each worker gets: each goes to who is done first then, of equal ones to the first. */
function shareOut(entries: readonly RegisteredWorker[], shards: readonly UnitState[]): Map<RegisteredWorker, number> {
  const counts = new Map<RegisteredWorker, number>();
  const [first] = shards;
  if (!first) return counts;
  const loads = entries.map((entry) => ({ entry, samples: entry.samplesToCompute(first.work.round) }));
  for (const shard of shards) {
    let [least, leastMs] = [loads[0], Infinity];
    for (const load of loads) {
      const ms = load.entry.msFor(load.samples + shard.samples);
      if (ms < leastMs) [least, leastMs] = [load, ms];
    }
    if (!least) break;
    counts.set(least.entry, (counts.get(least.entry) ?? 0) + 1);
    least.samples += shard.samples;
  }
  return counts;
}

/** Who holds shards of the round goes on from there; of the others, those with large shares come first. */
function inOrderOfShards(shares: ReadonlyMap<RegisteredWorker, number>, round: number): [RegisteredWorker, number][] {
  const firstHeld = (entry: RegisteredWorker) => entry.heldOf(round)[0]?.shard.work.index ?? Number.MAX_SAFE_INTEGER;
  return [...shares].toSorted(([a, aCount], [b, bCount]) => firstHeld(a) - firstHeld(b) || bCount - aCount);
}

/** A shard that another worker holds and has not begun, and that `thief` would finish sooner and has not failed at. */
export function findTheft(
  workers: Iterable<RegisteredWorker>,
  thief: RegisteredWorker,
  round: number,
): { victim: RegisteredWorker; shard: UnitState } | undefined {
  const candidates = [...workers].flatMap((victim) => {
    const shard = victim.lastUnbegun(round);
    if (!shard || victim === thief || !shard.isNewTo(thief) || shard.wasNonFiniteAt(thief.link)) return [];
    return [{ victim, shard, expectedMs: victim.isLate ? Infinity : victim.expectedMs(round) }];
  });
  return candidates
    .toSorted((a, b) => (b.expectedMs < a.expectedMs ? -1 : 1))
    .find(({ shard, expectedMs }) => thief.expectedMs(round, shard.samples) < expectedMs);
}

/** A shard that its holder has been at for too long. */
export interface LateShard {
  readonly holder: RegisteredWorker;
  readonly shard: UnitState;
  readonly elapsedMs: number;
  readonly usualMs: number;
}

/**
 * How long a worker has been at a shard, and how long is usual; undefined while that is no reason to worry. A contribution that it has
 * and does not send is late once it computes nothing else for so long.
 * @param paceMsPerSample usual time; absent before the first answer of anybody
 */
export function lateness(
  holder: RegisteredWorker,
  { shard, startedMs, progress, computed }: HeldShard,
  paceMsPerSample: number | undefined,
  now: number,
): { elapsedMs: number; usualMs: number } | undefined {
  if (computed && holder.toCompute(shard.work.round).length > 0) return undefined;
  const elapsedMs = now - (computed?.atMs ?? progress?.atMs ?? startedMs ?? now);
  if (paceMsPerSample === undefined) {
    return elapsedMs > LATE_AT_FIRST_MS ? { elapsedMs, usualMs: LATE_AT_FIRST_MS } : undefined;
  }
  const usualMs = shard.samples * paceMsPerSample;
  const next = progress && shard.work.batches[progress.batches];
  // What a worker says of one unit waits behind the answer to another.
  if (next && !computed && !holder.heldOf(shard.work.round).some(isAllDone)) {
    const usualNextMs = next.samples * paceMsPerSample;
    if (elapsedMs > Math.max(BATCH_LATE_AT_LEAST_MS, LATE_FACTOR * usualNextMs)) {
      return { elapsedMs, usualMs: usualNextMs };
    }
    const wholeMs = now - (startedMs ?? now);
    return wholeMs > Math.max(BATCH_LATE_AT_LEAST_MS, UNIT_LATE_FACTOR * usualMs)
      ? { elapsedMs: wholeMs, usualMs }
      : undefined;
  }
  // The first batch waits for what is published, the last one for the answer to be sent: both may take as long as all the others.
  return elapsedMs > Math.max(LATE_AT_LEAST_MS, LATE_FACTOR * usualMs) ? { elapsedMs, usualMs } : undefined;
}

/** @param paceMsPerSample as of `lateness` */
export function* findLate(
  workers: Iterable<RegisteredWorker>,
  round: number,
  paceMsPerSample: number | undefined,
  now: number,
): Generator<LateShard> {
  for (const holder of workers) {
    for (const held of holder.heldOf(round)) {
      const late = lateness(holder, held, paceMsPerSample, now);
      if (late) yield { holder, shard: held.shard, ...late };
    }
  }
}

/** Whether a worker can be given something. */
export function isAvailable(entry: RegisteredWorker): boolean {
  return !entry.isLate && !entry.link.isBehind();
}

/** Whether a shard is late with all that have it. Before anything is known of any worker, those that are free try it soon, too. */
export function needsAnother(shard: UnitState, usual: number | undefined, now: number): boolean {
  const holders = [...shard.holders];
  if (usual === undefined) return holders.every((holder) => holder.timeOn(shard, now) > FIRST_ANSWER_MS);
  return holders.every((holder) => holder.isLateWith(shard));
}

/** A worker with nothing to do for a shard that is late with others; one that has done something before, if there is one. */
export function freeFor(shard: UnitState, workers: readonly RegisteredWorker[]): RegisteredWorker | undefined {
  const isFree = (entry: RegisteredWorker) =>
    isAvailable(entry) &&
    !entry.link.isWaiting() &&
    shard.isNewTo(entry) &&
    entry.toCompute(shard.work.round).length < entry.link.slots;
  const free = workers.filter(isFree);
  return free.find(({ accepted }) => accepted.shards > 0) ?? free[0];
}

/** Who keeps a round from going on, why, and what helps: nobody, as long as somebody takes no longer for a shard than is usual. */
export function describeStalls({ registry, round, shards, silentMs, msPerSample }: SchedulerView): WatchedStall[] {
  const now = performance.now();
  const inTime = new Set<UnitState>();
  for (const entry of registry.values()) {
    for (const held of entry.heldOf(round)) if (!lateness(entry, held, msPerSample, now)) inTime.add(held.shard);
  }
  return shards
    .filter((shard) => !shard.accepted && !inTime.has(shard))
    .map(({ work, holders }) => ({
      shard: work.index,
      worker: [...holders].map(({ link }) => link.name).join(' and '),
      cause: `no answer for ${(silentMs / 1000).toFixed(1)} s`,
      remedy: 'the first worker that is free and not late computes it, too; if there is none, attach one',
    }));
}

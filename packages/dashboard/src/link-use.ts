import type { WatchedWorker } from '@gantry/core';
import { isPresent } from './classes.ts';

/** Over so long: what is shown follows what happens, and does not jump with each message. */
const WINDOW_MS = 5000;
/** From counters that are closer together, a rate is a matter of chance. */
const LEAST_MS = 1000;

/** What goes through a worker's link at present, in bytes per second; null until that is known. */
interface LinkUse {
  readonly inUse: number | null;
  readonly outUse: number | null;
}

/** A worker, and what its counters tell over time. */
export type ShownWorker = WatchedWorker & LinkUse;

interface Counters {
  readonly atMs: number;
  readonly since: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Remembers the counters of the workers for a few seconds. */
export class LinkUses {
  #seen: ReadonlyMap<string, readonly Counters[]> = new Map();

  /** @param nowMs when these workers were heard of, on a clock that never goes back */
  observed(workers: readonly WatchedWorker[], nowMs: number): ShownWorker[] {
    const seen = new Map<string, readonly Counters[]>();
    const shown = workers.map((worker) => {
      if (!isPresent(worker)) return { ...worker, inUse: null, outUse: null };
      const { name, since, bytesIn, bytesOut } = worker;
      const now = { atMs: nowMs, since, bytesIn, bytesOut };
      // One that comes back counts from zero.
      const earlier = (this.#seen.get(name) ?? []).filter(
        (each) => nowMs - each.atMs <= WINDOW_MS && each.since === since,
      );
      seen.set(name, [...earlier, now]);
      return { ...worker, ...useBetween(earlier[0] ?? now, now) };
    });
    this.#seen = seen;
    return shown;
  }
}

function useBetween(first: Counters, last: Counters): LinkUse {
  const ms = last.atMs - first.atMs;
  if (ms < LEAST_MS) return { inUse: null, outUse: null };
  const rate = (key: 'bytesIn' | 'bytesOut') => (1000 * Math.max(0, last[key] - first[key])) / ms;
  return { inUse: rate('bytesIn'), outUse: rate('bytesOut') };
}

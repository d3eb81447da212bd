import { GantryError } from '@gantry/core';
import { delay } from './delay.ts';
import { EnginePool } from '../slots/engine-pool.ts';
import type { Platform } from './platform.ts';
import { ShardTally } from './shard-tally.ts';
import type { WorkOptions } from './worker-options.ts';
import { WorkerSession } from './worker-session.ts';

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
const WAITING_INTERVAL_MS = 10_000;
/** Nobody guesses so many. */
const IDENTITY_BYTES = 16;

/**
 * Works for a coordinator until the run is finished, the coordinator drops this worker, or the signal is aborted; then
 * resolves within two seconds. Reconnects for ever, unless `giveUpAfterMs` is given; the engines stay loaded meanwhile.
 * @throws GantryError E_AUTH, E_VERSION, E_MANIFEST, E_QUARANTINED or E_AUDIT if the coordinator refuses this worker for good;
 *   E_ENGINE if the engine cannot run here or keeps dying; E_TIMEOUT if it gives up
 */
export async function work(options: WorkOptions, platform: Platform): Promise<void> {
  const { threads, signal, observer, giveUpAfterMs = Infinity, identity = newIdentity() } = options;
  const pool = new EnginePool(platform.startEngine, threads, (text) => observer.notice(text));
  const tally = new ShardTally();
  let failures = 0;
  /** Whether the coordinator has just said that this worker is of another version. */
  let isDoubted = false;
  let lastSaid = -Infinity;
  let aloneSince = performance.now();
  try {
    while (!signal.aborted) {
      const session = new WorkerSession(options, { platform, pool, tally, identity });
      const { over, wasReady, reason } = await session.ended.catch((error: unknown) => {
        // A first frame that was damaged on its way may look like one of another version.
        if (isDoubted || !(error instanceof GantryError) || error.code !== 'E_VERSION') throw error;
        isDoubted = true;
        return { over: false, wasReady: false, reason: error.message };
      });
      if (over) {
        if (!signal.aborted) observer.notice(reason);
        return;
      }
      if (wasReady) {
        isDoubted = false;
        failures = 0;
        lastSaid = -Infinity;
        aloneSince = performance.now();
      }
      const patienceMs = aloneSince + giveUpAfterMs - performance.now();
      if (patienceMs <= 0) {
        throw new GantryError('E_TIMEOUT', `no coordinator for ${giveUpAfterMs / 1000} s, the last time: ${reason}`);
      }
      if (performance.now() - lastSaid >= WAITING_INTERVAL_MS) {
        lastSaid = performance.now();
        observer.waiting(reason);
      }
      // The last try is made when the time is over.
      await delay(Math.min(backoffMs(failures++), patienceMs), signal);
    }
  } finally {
    await pool.dispose();
  }
}

/** In hexadecimal; a browser has no Buffer. */
export function newIdentity(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(IDENTITY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Doubles with each failure, up to a cap; random, so that the workers of a restarted coordinator do not come at once. */
function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures) * (0.5 + Math.random() / 2);
}

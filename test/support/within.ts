import { setTimeout as delay } from 'node:timers/promises';

/** Passes a promise on, or rejects when it takes longer. @param what is waited for, for the message */
export async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = delay(limitMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`${what}: nothing within ${limitMs / 1000} s`);
  });
  // Once aborted, nobody listens to it.
  late.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => abort.abort());
}

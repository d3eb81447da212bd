import { setTimeout as delay } from 'node:timers/promises';

/** Passes a promise on, or rejects when it takes longer. @param what is waited for, for the message */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = delay(ms, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`${what}: nothing within ${ms / 1000} s`);
  });
  // Once aborted, nobody listens to it.
  late.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => abort.abort());
}

/** Looks every few milliseconds until there is something. @param look undefined while there is nothing */
export async function poll<T>(ms: number, what: string, look: () => T | undefined): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: nothing within ${ms / 1000} s`);
    await delay(2);
  }
}

import { setTimeout as delay } from 'node:timers/promises';

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

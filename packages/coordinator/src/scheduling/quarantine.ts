import { GantryError, type RunEvent } from '@gantry/core';
import type { WorkerLink } from './worker-link.ts';

/** With one invalid result more, a worker is kept out. */
const INVALID_RESULTS_ALLOWED = 2;
/** More workers than any cluster has: a bound for peers that come under ever new names. */
const WORKERS_REMEMBERED = 10_000;

/** Counts the invalid results of workers over all their connections, for as long as the coordinator lives. */
export class Quarantine {
  readonly #onEvent: (event: RunEvent) => void;
  readonly #invalidResults = new Map<string, number>();
  /** Workers to or from which something was damaged, and of which nothing was accepted since. */
  readonly #damaged = new Set<string>();

  constructor(onEvent: (event: RunEvent) => void) {
    this.#onEvent = onEvent;
  }

  /**
   * Counts what a worker has done wrong; damage on the way is nobody's fault at first.
   * @returns why it is kept out from now on, if it is
   */
  blame({ identity, name: worker }: WorkerLink, { code, message: cause }: GantryError): GantryError | undefined {
    if (code === 'E_CHECKSUM') {
      this.#onEvent({ type: 'damaged', worker, cause });
      if (this.forgives(identity)) return undefined;
    } else this.#onEvent({ type: 'invalid', worker, code, cause });
    const count = this.count(identity);
    if (!this.has(identity)) return undefined;
    const reason = `${count} invalid results, the last: ${cause}`;
    this.#onEvent({ type: 'quarantined', worker, cause: reason });
    return new GantryError('E_QUARANTINED', reason);
  }

  /** @returns how many invalid results this worker has given, with this one */
  count(identity: string): number {
    const count = (this.#invalidResults.get(identity) ?? 0) + 1;
    // Those that were bad lately are remembered longest.
    this.#invalidResults.delete(identity);
    this.#invalidResults.set(identity, count);
    const [oldest] = this.#invalidResults.keys();
    if (oldest !== undefined && this.#invalidResults.size > WORKERS_REMEMBERED) this.#invalidResults.delete(oldest);
    return count;
  }

  /** Whether damage on the way counts as nobody's fault: the first since the worker's last good result. */
  forgives(identity: string): boolean {
    if (this.#damaged.has(identity)) return false;
    const [oldest] = this.#damaged;
    if (oldest !== undefined && this.#damaged.size >= WORKERS_REMEMBERED) this.#damaged.delete(oldest);
    this.#damaged.add(identity);
    return true;
  }

  /** A result of this worker was accepted. */
  accepted(identity: string): void {
    this.#damaged.delete(identity);
  }

  /** Keeps a worker out at once. */
  ban(identity: string): void {
    while (!this.has(identity)) this.count(identity);
  }

  /** Whether this worker is kept out. */
  has(identity: string): boolean {
    return (this.#invalidResults.get(identity) ?? 0) > INVALID_RESULTS_ALLOWED;
  }
}

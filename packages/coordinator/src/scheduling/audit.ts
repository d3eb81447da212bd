import { randomBytes } from 'node:crypto';
import { GantryError, philox4x32, type Unit } from '@gantry/core';
import type { AuditOptions } from './audit-options.ts';

/** A round, and the steps that were done before it. */
interface Moment {
  readonly round: number;
  readonly step: number;
}

/** More workers than any cluster has. */
const WORKERS_REMEMBERED = 10_000;

/** Which units are audited, and since when each worker has done work that no audit has confirmed. */
export class Audit {
  readonly options: AuditOptions;
  /** Known to nobody else: a worker cannot tell which of its units are audited. */
  #key = newKey();
  readonly #words = new Uint32Array(4);
  readonly #unconfirmed = new Map<string, Moment>();

  /** @throws GantryError E_CONFIG */
  constructor(options: AuditOptions) {
    const { rate } = options;
    if (!(rate > 0 && rate <= 1)) {
      throw new GantryError('E_CONFIG', `audit.rate: expected a number above 0 and at most 1, got ${rate}`);
    }
    this.options = options;
  }

  /** Whether a unit is computed twice: drawn by Philox (Salmon 2011) of a secret and the unit's place. */
  picks({ round, index }: Pick<Unit, 'round' | 'index'>): boolean {
    const [key0 = 0, key1 = 0] = this.#key;
    philox4x32(this.#words, round, round / 2 ** 32, index, 0, key0, key1);
    return (this.#words[0] ?? 0) < this.options.rate * 2 ** 32;
  }

  /** Work of a worker counts, and nothing confirms it. */
  trusted(identity: string, moment: Moment): void {
    if (this.#unconfirmed.has(identity)) return;
    const [oldest] = this.#unconfirmed.keys();
    if (oldest !== undefined && this.#unconfirmed.size >= WORKERS_REMEMBERED) this.#unconfirmed.delete(oldest);
    this.#unconfirmed.set(identity, moment);
  }

  /** An answer of a worker had the right bits. */
  confirmed(identity: string): void {
    this.#unconfirmed.delete(identity);
  }

  /** The run stands where so many steps are done. What is done again is audited at other places: a liar may have learnt the old ones. */
  wentBackTo(steps: number): void {
    this.#key = newKey();
    for (const [identity, { step }] of this.#unconfirmed) if (step >= steps) this.#unconfirmed.delete(identity);
  }

  /** Its first work that counts and that nothing has confirmed. */
  unconfirmedSince(identity: string): Moment | undefined {
    return this.#unconfirmed.get(identity);
  }
}

function newKey(): Uint32Array {
  return new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
}

/** What a worker that lied may have done in rounds that are over. */
export interface Taint {
  readonly worker: string;
  /** Steps in which it may have had a hand, from 1. */
  readonly first: number;
  readonly last: number;
  /** How it was found. */
  readonly cause: string;
}

/** A worker has lied, and may have in rounds that are over: the run has to go back, see `Scheduler.goBack`. */
export class TaintedError extends GantryError {
  constructor(cause: string) {
    super('E_AUDIT', cause);
  }
}

import type { UnitState } from './unit-state.ts';
import type { WorkerLink } from './worker-link.ts';
import type { RegisteredWorker } from './worker-registry.ts';

/** Between numeric classes, how far apart two answers to one shard may be: the norm of what differs to that of the answer. */
const CLASSES_DIFFER_BY = 0.01;

/** An answer to a shard. */
export interface Answer {
  readonly link: WorkerLink;
  readonly sum: Float32Array;
}

/** The first shard of a newcomer: another worker computes it, too, and it is that one's answer that counts. */
export interface Trial {
  readonly shard: UnitState;
  readonly own: Answer | undefined;
  readonly counted: Answer | undefined;
}

/** The workers that are new, and have not shown yet that they compute what others do. */
export class Probation {
  readonly #newcomers = new Map<RegisteredWorker, Trial | undefined>();

  begin(entry: RegisteredWorker): void {
    this.#newcomers.set(entry, undefined);
  }

  /** It has shown it, has to do without, or is gone. */
  end(entry: RegisteredWorker): void {
    this.#newcomers.delete(entry);
  }

  has(entry: RegisteredWorker): boolean {
    return this.#newcomers.has(entry);
  }

  /** Those that have no shard to show it by. */
  get waiting(): readonly RegisteredWorker[] {
    return [...this.#newcomers].filter(([, trial]) => !trial).map(([entry]) => entry);
  }

  /** A newcomer was given a shard; absent: it needs another one. */
  tries(entry: RegisteredWorker, shard?: UnitState): void {
    this.#newcomers.set(entry, shard && { shard, own: undefined, counted: undefined });
  }

  /** The shard that a newcomer was given, if it is this one. */
  shardOf(entry: RegisteredWorker, round: number | undefined, index: number | undefined): UnitState | undefined {
    const shard = this.#newcomers.get(entry)?.shard;
    return shard?.work.round === round && shard?.work.index === index ? shard : undefined;
  }

  /** A newcomer has answered its shard. @returns what there is to compare */
  answered(entry: RegisteredWorker, own: Answer): Trial | undefined {
    return this.#update(entry, { own });
  }

  /** An answer to a shard counts. @returns what there is to compare, of all newcomers that were given it */
  counted(shard: UnitState, counted: Answer): readonly (readonly [RegisteredWorker, Trial])[] {
    const concerned = [...this.#newcomers].filter(([, trial]) => trial?.shard === shard);
    return concerned.flatMap(([entry]) => {
      const trial = this.#update(entry, { counted });
      return trial ? [[entry, trial] as const] : [];
    });
  }

  #update(entry: RegisteredWorker, answers: Partial<Trial>): Trial | undefined {
    const trial = this.#newcomers.get(entry);
    if (!trial) return undefined;
    const updated = { ...trial, ...answers };
    this.#newcomers.set(entry, updated);
    return updated;
  }
}

/** Whether two answers to one shard are the same: bit by bit within a numeric class, to within rounding between two. */
export function areAlike(a: Answer, b: Answer): boolean {
  const bytes = ({ sum }: Answer) => Buffer.from(sum.buffer, sum.byteOffset, sum.byteLength);
  if (a.link.numericClass === b.link.numericClass) return bytes(a).equals(bytes(b));
  let [differing, whole] = [0, 0];
  for (let i = 0; i < a.sum.length; i++) {
    const [one = 0, other = 0] = [a.sum[i], b.sum[i]];
    differing += (one - other) ** 2;
    whole += other ** 2;
  }
  return differing <= CLASSES_DIFFER_BY ** 2 * whole;
}

/** A worker may answer long after others did; of so many shards is remembered: twice as many as a worker lets wait. */
const SHARDS_REMEMBERED = 8192;

/** What a worker may still say of the shards that it was given, also of those that no longer count: one thing, or so many, for each time. */
export class Entitlements {
  readonly #counts = new Map<string, number>();

  /** It was given a shard, perhaps not for the first time. @param times that it may speak of it */
  add(round: number, index: number, times = 1): void {
    const key = keyOf(round, index);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + times);
    const [oldest] = this.#counts.keys();
    if (oldest !== undefined && this.#counts.size > SHARDS_REMEMBERED) this.#counts.delete(oldest);
  }

  /** It has said it. @returns whether it might */
  use(round: number, index: number): boolean {
    const key = keyOf(round, index);
    const count = this.#counts.get(key);
    if (count === undefined) return false;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
    return true;
  }
}

/** Tells the shards of a run apart. */
export function keyOf(round: number, index: number): string {
  return `${round}/${index}`;
}

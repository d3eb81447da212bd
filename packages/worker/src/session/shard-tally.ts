/** The rate is taken over this many shards. */
const WINDOW = 32;

/** Counts the shards of a worker. */
export class ShardTally {
  #shards = 0;
  #recent: { readonly startedAt: number; readonly samples: number }[] = [];

  /** Forgets the rate: what lies between was no work. */
  pause(): void {
    this.#recent = [];
  }

  /** Counts a shard that is done now. */
  add(samples: number, computeMs: number): { shards: number; imagesPerSecond: number } {
    this.#shards++;
    const now = performance.now();
    this.#recent = [...this.#recent.slice(1 - WINDOW), { startedAt: now - computeMs, samples }];
    const start = Math.min(...this.#recent.map(({ startedAt }) => startedAt));
    const total = this.#recent.reduce((sum, shard) => sum + shard.samples, 0);
    return { shards: this.#shards, imagesPerSecond: now > start ? (total / (now - start)) * 1000 : 0 };
  }
}

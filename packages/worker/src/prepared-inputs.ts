import { IMAGE_PIXELS, scalePixels, shardInputs, type ShardInputs, type ShardWork } from '@gantry/core';

/** Shards built ahead; those of 64 samples take 2.4 MB each. */
const MAX_PREPARED = 4;

/** The inputs of shards, built ahead of need: noise and masks of 64 samples take about 8 ms. */
export class PreparedInputs {
  readonly #seed: number;
  readonly #prepared = new Map<string, ShardInputs>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Builds inputs ahead; when there are too many, the oldest are dropped. */
  prepare(shard: ShardWork): void {
    const key = keyOf(shard);
    if (this.#prepared.has(key)) return;
    this.#prepared.set(key, shardInputs(shard, this.#seed));
    const [oldest] = this.#prepared.keys();
    if (oldest !== undefined && this.#prepared.size > MAX_PREPARED) this.#prepared.delete(oldest);
  }

  /** The inputs of a shard, built now unless they were built ahead: the same bits either way. */
  take(shard: ShardWork): ShardInputs {
    const key = keyOf(shard);
    const prepared = this.#prepared.get(key);
    if (!prepared) return shardInputs(shard, this.#seed);
    this.#prepared.delete(key);
    // Noise and masks follow from the key alone, the images do not: after a restart of the coordinator it may differ.
    return { ...prepared, images: scalePixels(shard.images) };
  }
}

function keyOf({ step, first, images }: ShardWork): string {
  return `${step}/${first}/${images.length / IMAGE_PIXELS}`;
}

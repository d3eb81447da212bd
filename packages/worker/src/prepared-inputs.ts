import { IMAGE_PIXELS, scalePixels, shardInputs, type ShardInputs, type ShardWork } from '@gantry/core';

/** Shards built ahead; those of 64 samples take 2.4 MB each. */
const MAX_PREPARED = 4;

/** The inputs of shards, built ahead of need, in memory that is used again: noise and masks of 64 samples take about 8 ms. */
export class PreparedInputs {
  readonly #seed: number;
  readonly #prepared = new Map<string, ShardInputs>();
  readonly #recycled: ShardInputs[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Builds inputs ahead; when there are too many, the oldest are dropped. */
  prepare(shard: ShardWork): void {
    const key = keyOf(shard);
    if (this.#prepared.has(key)) return;
    this.#prepared.set(key, this.#build(shard));
    const [oldest] = this.#prepared;
    if (oldest !== undefined && this.#prepared.size > MAX_PREPARED) {
      this.#prepared.delete(oldest[0]);
      this.recycle(oldest[1]);
    }
  }

  /** The inputs of a shard, built now unless they were built ahead: the same bits either way. */
  take(shard: ShardWork): ShardInputs {
    const key = keyOf(shard);
    const prepared = this.#prepared.get(key);
    if (!prepared) return this.#build(shard);
    this.#prepared.delete(key);
    // Noise and masks follow from the key alone, the images do not: after a restart of the coordinator it may differ.
    scalePixels(shard.images, prepared.images);
    return prepared;
  }

  /** Inputs that were taken and are not needed any more. */
  recycle(inputs: ShardInputs): void {
    if (this.#recycled.length < MAX_PREPARED) this.#recycled.push(inputs);
  }

  #build(shard: ShardWork): ShardInputs {
    const samples = shard.images.length / IMAGE_PIXELS;
    const at = this.#recycled.findIndex((inputs) => inputs.samples === samples);
    const [memory] = at < 0 ? [] : this.#recycled.splice(at, 1);
    return shardInputs(shard, this.#seed, memory);
  }
}

function keyOf({ step, first, images }: ShardWork): string {
  return `${step}/${first}/${images.length / IMAGE_PIXELS}`;
}

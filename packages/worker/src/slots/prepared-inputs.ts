import { scaleData, shardInputs, type Program, type ShardInputs, type ShardWork } from '@gantry/core';

/** Shards built ahead; those of 64 samples take 2.4 MB each. */
const MAX_PREPARED = 4;

/** The inputs of shards, built ahead of need, in memory that is used again: noise and masks of 64 samples take about 8 ms. */
export class PreparedInputs {
  readonly #program: Pick<Program, 'manifest' | 'seed'>;
  readonly #prepared = new Map<string, ShardInputs>();
  readonly #recycled: ShardInputs[] = [];

  constructor(program: Pick<Program, 'manifest' | 'seed'>) {
    this.#program = program;
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
    scaleData(shard.images, prepared, this.#program.manifest);
    return prepared;
  }

  /** Inputs that were taken and are not needed any more. */
  recycle(inputs: ShardInputs): void {
    if (this.#recycled.length < MAX_PREPARED) this.#recycled.push(inputs);
  }

  #build(shard: ShardWork): ShardInputs {
    const { manifest, seed } = this.#program;
    const at = this.#recycled.findIndex(({ samples }) => samples === shard.samples);
    const [memory] = at < 0 ? [] : this.#recycled.splice(at, 1);
    return shardInputs(shard, manifest, seed, memory);
  }
}

function keyOf({ step, first, samples }: ShardWork): string {
  return `${step}/${first}/${samples}`;
}

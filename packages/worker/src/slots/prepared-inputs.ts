import { batchInputs, phaseAt, scaleData, type Batch, type BatchInputs, type Program } from '@gantry/core';

/** Batches built ahead; those of 64 samples take 2.4 MB each. */
const MAX_PREPARED = 4;

/** The inputs of batches, built ahead of need, in memory that is used again: noise and masks of 64 samples take about 8 ms. */
export class PreparedInputs {
  readonly #program: Pick<Program, 'manifest' | 'seed'>;
  readonly #prepared = new Map<string, BatchInputs>();
  readonly #recycled: BatchInputs[] = [];

  constructor(program: Pick<Program, 'manifest' | 'seed'>) {
    this.#program = program;
  }

  /** Builds inputs ahead; when there are too many, the oldest are dropped. */
  prepare(batch: Batch, data: Uint8Array): void {
    const key = keyOf(batch);
    if (this.#prepared.has(key)) return;
    this.#prepared.set(key, this.#build(batch, data));
    const [oldest] = this.#prepared;
    if (oldest !== undefined && this.#prepared.size > MAX_PREPARED) {
      this.#prepared.delete(oldest[0]);
      this.recycle(oldest[1]);
    }
  }

  /** The inputs of a batch, built now unless they were built ahead: the same bits either way. */
  take(batch: Batch, data: Uint8Array): BatchInputs {
    const key = keyOf(batch);
    const prepared = this.#prepared.get(key);
    if (!prepared) return this.#build(batch, data);
    this.#prepared.delete(key);
    // Draws follow from the key alone, the data does not: after a restart of the coordinator it may differ.
    scaleData(data, prepared, prepared.phase);
    return prepared;
  }

  /** Inputs that were taken and are not needed any more. */
  recycle(inputs: BatchInputs): void {
    if (this.#recycled.length < MAX_PREPARED) this.#recycled.push(inputs);
  }

  #build(batch: Batch, data: Uint8Array): BatchInputs {
    const { manifest, seed } = this.#program;
    const phase = phaseAt(manifest, batch.iteration);
    const at = this.#recycled.findIndex((each) => each.samples === batch.samples && each.phase === phase);
    const [memory] = at < 0 ? [] : this.#recycled.splice(at, 1);
    return batchInputs(batch, data, manifest, seed, memory);
  }
}

function keyOf({ step, iteration, first, samples }: Batch): string {
  return `${step}/${iteration}/${first}/${samples}`;
}

import type { LoadedUnit, Program } from '@gantry/core';

/**
 * Where an engine runs. Calls are carried out in the order in which they are made; all reject with E_ENGINE once it is
 * dead.
 */
export interface EngineHost {
  /** Whether the engine is gone for good: every call rejects. */
  readonly dead: boolean;

  load(program: Program): Promise<void>;

  /** @param flat what was published for a round; in shared memory, nothing is copied between threads */
  setWeights(flat: Float32Array): Promise<void>;

  /** Builds the inputs of a unit's first batch ahead; a few at most are kept. */
  prepare(unit: LoadedUnit): Promise<void>;

  /**
   * The contribution of a unit of one batch, with the weights last set: exact, whatever the wire.
   * @param recycled a contribution that is not needed any more: its memory is used again, and lost where this rejects
   */
  gradients(unit: LoadedUnit, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;

  /**
   * The contribution of a unit of any kind, with what was published last, as the payload of the `result` that carries it.
   * @param recycled an earlier one that is not needed any more, as of `gradients`
   * @param progressed told after each batch of several how many are done
   */
  answer(
    unit: LoadedUnit,
    recycled?: Uint8Array<ArrayBuffer>,
    progressed?: (batches: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>>;

  dispose(): Promise<void>;
}

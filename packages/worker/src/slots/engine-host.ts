import type { Program, Unit } from '@gantry/core';

/**
 * Where an engine runs. Calls are carried out in the order in which they are made; all reject with E_ENGINE once it is
 * dead.
 */
export interface EngineHost {
  /** Whether the engine is gone for good: every call rejects. */
  readonly dead: boolean;

  load(program: Program): Promise<void>;

  /** @param flat laid out as `manifest.trainable`; in shared memory, nothing is copied between threads */
  setWeights(flat: Float32Array): Promise<void>;

  /** Builds the inputs of a shard ahead, so that `gradients` finds them; a few at most are kept. */
  prepare(shard: Unit): Promise<void>;

  /**
   * The contribution of one shard, with the weights last set.
   * @param recycled a contribution that is not needed any more: its memory is used again, and lost where this rejects
   */
  gradients(shard: Unit, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;

  dispose(): Promise<void>;
}

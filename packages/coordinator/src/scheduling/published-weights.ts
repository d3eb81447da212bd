import { allocatePayload, floatsOf, framesAround, type TrainingState } from '@gantry/core';

/** The weights of one step, made once for all workers. */
export interface PublishedWeights {
  /** Steps done. */
  readonly version: number;
  /** As `manifest.trainable`; does not change while the step is under way. */
  readonly values: Float32Array;
  /** Those of the `weights` message that carries them, made when they are first asked for. */
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  /** Keeps the frames from being overwritten until the function that it returns is called, once. */
  readonly hold: () => () => void;
}

/** A payload, what `framesAround` copied of it, and how many hold both. */
interface Block {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly copies: Uint8Array<ArrayBuffer>[];
  holders: number;
}

/** Makes each step's `weights` message, in memory of an earlier one that has been sent to everyone. */
export class WeightsPublisher {
  readonly #blocks: Block[] = [];

  /** The step before has to be over. */
  publish({ step, weights }: TrainingState): PublishedWeights {
    const block = this.#blocks.find(({ holders }) => holders === 0) ?? this.#allocate(weights.byteLength);
    const values = floatsOf(block.payload);
    values.set(weights);
    const hold = () => {
      block.holders++;
      return () => void block.holders--;
    };
    let frames: readonly Uint8Array<ArrayBuffer>[] | undefined;
    return {
      version: step,
      values,
      get frames() {
        return (frames ??= framesAround({ type: 'weights', version: step }, block.payload, block.copies));
      },
      hold,
    };
  }

  #allocate(bytes: number): Block {
    const block = { payload: allocatePayload(bytes), copies: [], holders: 0 };
    this.#blocks.push(block);
    return block;
  }
}

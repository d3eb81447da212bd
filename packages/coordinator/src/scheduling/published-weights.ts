import { allocatePayload, floatsOf, framesAround } from '@gantry/core';

/** What is published for one round, made once for all workers. */
export interface PublishedWeights {
  readonly round: number;
  /** As `manifest.trainable`; does not change while the round is under way. */
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

/** Makes each round's `weights` message, in memory of an earlier one that has been sent to everyone. */
export class WeightsPublisher {
  readonly #blocks: Block[] = [];

  /** The round before has to be over. */
  publish(round: number, weights: Float32Array): PublishedWeights {
    const block = this.#blocks.find(({ holders }) => holders === 0) ?? this.#allocate(weights.byteLength);
    const values = floatsOf(block.payload);
    values.set(weights);
    const hold = () => {
      block.holders++;
      return () => void block.holders--;
    };
    let frames: readonly Uint8Array<ArrayBuffer>[] | undefined;
    return {
      round,
      values,
      get frames() {
        return (frames ??= framesAround({ type: 'weights', round }, block.payload, block.copies));
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

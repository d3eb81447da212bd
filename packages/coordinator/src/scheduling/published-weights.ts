import { allocatePayload, floatsOf, frameAround } from '@gantry/core';

/** What is published for one round, made once for all workers. */
export interface PublishedWeights {
  readonly round: number;
  /** As `manifest.trainable`; does not change while the round is under way. */
  readonly values: Float32Array;
  /** The `weights` message that carries them. */
  readonly frame: Uint8Array<ArrayBuffer>;
  /** Keeps the frame from being overwritten until the function that it returns is called, once. */
  readonly hold: () => () => void;
}

/** A payload, and how many hold it. */
interface Block {
  readonly payload: Uint8Array<ArrayBuffer>;
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
    return { round, values, frame: frameAround({ type: 'weights', round }, block.payload), hold };
  }

  #allocate(bytes: number): Block {
    const block = { payload: allocatePayload(bytes), holders: 0 };
    this.#blocks.push(block);
    return block;
  }
}

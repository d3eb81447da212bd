import { allocatePayload, checksum, encodeFrames, floatsOf, framesAround, type Publication } from '@gantry/core';

/** What is published for one round, made once for all workers. */
export interface PublishedWeights {
  readonly round: number;
  /** As the scheme publishes them; they do not change while the round is under way. */
  readonly values: Float32Array;
  /** Those of the `weights` message that carries them, made when they are first asked for. */
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  /** Those of the `update` message for who has what was published for the round before; undefined where everyone needs the whole. */
  readonly updateFrames: readonly Uint8Array<ArrayBuffer>[] | undefined;
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
  publish(round: number, { values: published, update }: Publication): PublishedWeights {
    const bytes = published.byteLength;
    const block =
      this.#blocks.find(({ holders, payload }) => holders === 0 && payload.length === bytes) ?? this.#allocate(bytes);
    const values = floatsOf(block.payload);
    values.set(published);
    const hold = () => {
      block.holders++;
      return () => void block.holders--;
    };
    let frames: readonly Uint8Array<ArrayBuffer>[] | undefined;
    let updateFrames: readonly Uint8Array<ArrayBuffer>[] | undefined;
    return {
      round,
      values,
      get frames() {
        return (frames ??= framesAround({ type: 'weights', round }, block.payload, block.copies));
      },
      get updateFrames() {
        return (updateFrames ??= update && framesOfUpdate(round, block.payload, update));
      },
      hold,
    };
  }

  #allocate(bytes: number): Block {
    const block = { payload: allocatePayload(bytes), copies: [], holders: 0 };
    // What is as long as no round to come is not needed again.
    this.#blocks.splice(0, Infinity, ...this.#blocks.filter(({ payload }) => payload.length === bytes), block);
    return block;
  }
}

function framesOfUpdate(round: number, whole: Uint8Array, update: Uint8Array): Uint8Array<ArrayBuffer>[] {
  return encodeFrames({ type: 'update', round, checksum: checksum(whole).toString(16).padStart(16, '0') }, update);
}

import { FrameStream, OPCODE } from '@gantry/cli/bench';
import { peekHeader, type Message } from '@gantry/core';
import type { Direction } from './network-card.ts';

const HEAD_END = '\r\n\r\n';

/** Bytes of messages, with all that is around them. */
export interface MessageBytes {
  /** To the coordinator. */
  in: number;
  /** From it, without images. */
  out: number;
  /** The data of images, without the numbers of those that a unit has. */
  images: number;
}

/** Follows connections between a coordinator and its workers, and counts what goes through them in each round. */
export class MessageTally {
  readonly #imageBytes: number;
  readonly #byRound = new Map<number, MessageBytes>();
  readonly #streams = new Map<string, (data: Buffer) => void>();

  /** @param imageBytes of one */
  constructor(imageBytes: number) {
    this.#imageBytes = imageBytes;
  }

  /** As `NetworkCardOptions.onData`. */
  readonly follow = (connection: number, direction: Direction, data: Buffer): void => {
    const key = `${connection} ${direction}`;
    const take = this.#streams.get(key) ?? this.#begin(direction);
    this.#streams.set(key, take);
    take(data);
  };

  /** Of rounds `first` … `last`. */
  sum(first: number, last: number): MessageBytes {
    const sum = { in: 0, out: 0, images: 0 };
    for (const [round, bytes] of this.#byRound) {
      if (round < first || round > last) continue;
      for (const key of ['in', 'out', 'images'] as const) sum[key] += bytes[key];
    }
    return sum;
  }

  #begin(direction: Direction): (data: Buffer) => void {
    const stream = new FrameStream(({ opcode, kept, length }) => {
      if (opcode === OPCODE.binary) this.#count(direction, peekHeader(kept) as Message, length);
    });
    let head: string | undefined = '';
    return (data) => {
      if (head === undefined) return stream.take(data);
      head += data.toString('latin1');
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      stream.take(Buffer.from(head.slice(end + HEAD_END.length), 'latin1'));
      head = undefined;
    };
  }

  #count(direction: Direction, message: Message, length: number): void {
    if (!('round' in message) || message.round === undefined) return;
    const images = message.type === 'assign' ? (message.sent ?? 0) * this.#imageBytes : 0;
    const bytes = this.#byRound.get(message.round) ?? { in: 0, out: 0, images: 0 };
    this.#byRound.set(message.round, bytes);
    bytes[direction] += length - images;
    bytes.images += images;
  }
}

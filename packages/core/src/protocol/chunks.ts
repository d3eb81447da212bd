import { GantryError } from '../errors.ts';
import { encodeFrame, frameAround, offsetOf, type Received } from './codec.ts';
import { MAX_PAYLOAD_BYTES, allocatePayload } from './frame.ts';
import type { Message, MessageOf } from './messages.ts';

/** Messages with a payload; one that is too large for a frame travels in several, cut every `MAX_PAYLOAD_BYTES`. */
export type BulkMessage = MessageOf<'program' | 'weights' | 'update' | 'assign' | 'result'>;

/** The frames for `message` with copies of `payload`, in the order in which they are sent. @throws as `frameAround` */
export function encodeFrames(
  message: BulkMessage,
  payload: Uint8Array | Float32Array,
  chunkBytes = MAX_PAYLOAD_BYTES,
): Uint8Array<ArrayBuffer>[] {
  const bytes = new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  return cuts(bytes.length, chunkBytes).map((offset) =>
    encodeFrame(startingAt(message, offset), bytes.subarray(offset, offset + chunkBytes)),
  );
}

/**
 * The frames for `message` around a payload from `allocatePayload`. The first one lies in its memory and is overwritten by the
 * next; what does not fit into that one is copied.
 * @param copies memory for what is copied: filled here, and used again as far as it was filled for as much
 * @throws as `frameAround`
 */
export function framesAround(
  message: BulkMessage,
  payload: Uint8Array<ArrayBuffer>,
  copies: Uint8Array<ArrayBuffer>[] = [],
  chunkBytes = MAX_PAYLOAD_BYTES,
): Uint8Array<ArrayBuffer>[] {
  return cuts(payload.length, chunkBytes).map((offset, i) => {
    const chunk = payload.subarray(offset, offset + chunkBytes);
    if (i === 0) return frameAround(message, chunk);
    const last = copies[i - 1];
    const copy = last?.length === chunk.length ? last : allocatePayload(chunk.length);
    copies[i - 1] = copy;
    copy.set(chunk);
    return frameAround(startingAt(message, offset), copy);
  });
}

/** Where the frames of a payload begin. */
function cuts(bytes: number, chunkBytes: number): number[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes / chunkBytes)) }, (_, i) => i * chunkBytes);
}

function startingAt(message: BulkMessage, offset: number): BulkMessage {
  return offset === 0 ? message : { ...message, offset };
}

/** A message of which some frames have come. */
interface Unfinished<M> {
  /** As in its first frame. */
  readonly message: M;
  readonly memory: Uint8Array<ArrayBuffer>;
  filledBytes: number;
}

/**
 * Joins the frames of messages that one end of a connection sends, one message at a time: it takes no more memory than that one
 * has been promised.
 */
export class Assembly<M extends Message> {
  #unfinished: Unfinished<M> | undefined;

  /**
   * Takes the next frame.
   * @returns the message once it is whole; its payload lies where the frame has it if that is all of it, or else in memory of
   *   its own
   * @throws GantryError E_PROTOCOL for a frame that does not continue the message that was begun, E_TOO_LARGE if there is no
   *   memory for it
   */
  add(received: Received<M>): Received<M> | undefined {
    const { message, payload, totalBytes } = received;
    // What has no payload may come in between.
    if (totalBytes === 0) return received;
    const offset = offsetOf(message);
    const { message: first = message, filledBytes = 0 } = this.#unfinished ?? {};
    if (offset !== filledBytes || !isSame(first, message)) {
      const expected = filledBytes === 0 ? 'a message begins' : `${first.type} goes on at byte ${filledBytes}`;
      throw new GantryError('E_PROTOCOL', `${message.type} at byte ${offset} came where ${expected}`);
    }
    if (payload.length === totalBytes) return received;
    const unfinished = (this.#unfinished ??= begun(message, totalBytes));
    unfinished.memory.set(payload, offset);
    unfinished.filledBytes += payload.length;
    if (unfinished.filledBytes < totalBytes) return undefined;
    this.#unfinished = undefined;
    return { message: first, payload: unfinished.memory, totalBytes };
  }
}

function begun<M extends Message>(message: M, totalBytes: number): Unfinished<M> {
  try {
    return { message, memory: new Uint8Array(totalBytes), filledBytes: 0 };
  } catch (cause) {
    const problem = `no memory for ${message.type} of ${totalBytes} bytes`;
    throw new GantryError('E_TOO_LARGE', problem, { cause });
  }
}

/** Whether two frames are of one message; fields have the order of the schema. */
function isSame(a: Message, b: Message): boolean {
  const withoutOffset = (key: string, value: unknown) => (key === 'offset' ? undefined : value);
  return JSON.stringify(a, withoutOffset) === JSON.stringify(b, withoutOffset);
}

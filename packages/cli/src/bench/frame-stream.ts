/** Opcodes of RFC 6455 that a coordinator uses. */
export const OPCODE = { binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
const MASKED = 0x80;
const FINAL = 0x80;
/**
 * More than any message that has to be read; of larger ones, whose content is of no interest, only this much is kept.
 */
const KEPT_BYTES = 128 * 1024;
const LONGEST_HEAD = 14;
const MASK_BYTES = 4;

/** A message of a WebSocket: its first bytes, and how many it has. */
export interface RawMessage {
  readonly opcode: number;
  readonly length: number;
  readonly kept: Buffer;
}

/**
 * Takes WebSocket messages out of a byte stream without copying large ones: a server's, or a client's masked by zeros.
 */
export class FrameStream {
  readonly #onMessage: (message: RawMessage) => void;
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #headBytes = 0;
  readonly #kept = Buffer.alloc(KEPT_BYTES);
  #length = -1;
  #received = 0;

  /** @param onMessage `kept` is valid during the call only */
  constructor(onMessage: (message: RawMessage) => void) {
    this.#onMessage = onMessage;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#length < 0) {
        this.#head[this.#headBytes++] = chunk[at++] ?? 0;
        this.#length = this.#readLength();
        this.#received = 0;
        if (this.#length > 0) continue;
      }
      if (this.#length >= 0) {
        const part = chunk.subarray(at, at + this.#length - this.#received);
        if (this.#received < KEPT_BYTES) part.copy(this.#kept, this.#received);
        this.#received += part.length;
        at += part.length;
        if (this.#received === this.#length) this.#emit();
      }
    }
  }

  /** −1 while the head is incomplete. */
  #readLength(): number {
    if (this.#headBytes < 2) return -1;
    const [, second = 0] = this.#head;
    const short = second & 0x7f;
    const maskBytes = second & MASKED ? MASK_BYTES : 0;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (this.#headBytes < 2 + lengthBytes + maskBytes) return -1;
    if (lengthBytes === 0) return short;
    return lengthBytes === 2 ? this.#head.readUInt16BE(2) : Number(this.#head.readBigUInt64BE(2));
  }

  #emit(): void {
    const length = this.#length;
    this.#length = -1;
    this.#headBytes = 0;
    const opcode = (this.#head[0] ?? 0) & 0x0f;
    this.#onMessage({ opcode, length, kept: this.#kept.subarray(0, Math.min(length, KEPT_BYTES)) });
  }
}

/** The head of a client's message in one frame. */
export function frameHead(opcode: number, length: number, mask: Uint8Array): Buffer {
  const head = Buffer.alloc(14);
  head.set([FINAL | opcode, MASKED | 127]);
  head.writeBigUInt64BE(BigInt(length), 2);
  head.set(mask, 10);
  if (length >= 65_536) return head;
  // Shorter lengths have to take the shorter forms.
  if (length < 126) return Buffer.from([FINAL | opcode, MASKED | length, ...mask]);
  return Buffer.from([FINAL | opcode, MASKED | 126, length >> 8, length & 0xff, ...mask]);
}

/** A masked copy of bytes that begin at a multiple of 4 within their message. */
export function masked(bytes: Uint8Array, mask: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => byte ^ (mask[i & 3] ?? 0));
}

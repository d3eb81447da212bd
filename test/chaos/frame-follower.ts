const HEAD_END = Buffer.from('\r\n\r\n');

/** Finds where frames begin in one direction of a WebSocket (RFC 6455, 5.2), from the HTTP head on. */
export class FrameFollower {
  /** Bytes of the end of the HTTP head seen in a row. */
  #headEnd = 0;
  #header: number[] = [];
  #payloadLeft = 0;

  /** @returns offset in the chunk, or its length, at which a frame begins; undefined if none does */
  follow(chunk: Buffer): number | undefined {
    let boundary: number | undefined;
    for (let at = 0; at < chunk.length;) {
      if (this.#isBetweenFrames) boundary ??= at;
      at += this.#payloadLeft > 0 ? this.#skipPayload(chunk.length - at) : this.#takeByte(chunk[at] ?? 0);
    }
    return boundary ?? (this.#isBetweenFrames ? chunk.length : undefined);
  }

  /** Whether the HTTP head is over. */
  get isPastHead(): boolean {
    return this.#headEnd === HEAD_END.length;
  }

  get #isBetweenFrames(): boolean {
    return this.isPastHead && this.#header.length === 0 && this.#payloadLeft === 0;
  }

  #skipPayload(available: number): number {
    const skipped = Math.min(this.#payloadLeft, available);
    this.#payloadLeft -= skipped;
    return skipped;
  }

  #takeByte(byte: number): number {
    if (this.#headEnd < HEAD_END.length) {
      if (byte === HEAD_END[this.#headEnd]) this.#headEnd++;
      else this.#headEnd = byte === HEAD_END[0] ? 1 : 0;
      return 1;
    }
    this.#header.push(byte);
    const payload = payloadLength(Buffer.from(this.#header));
    if (payload !== undefined) {
      this.#header = [];
      this.#payloadLeft = payload;
    }
    return 1;
  }
}

/** @returns undefined as long as the header is not complete */
function payloadLength(header: Buffer): number | undefined {
  const second = header[1];
  if (second === undefined) return undefined;
  const short = second & 0x7f;
  const extended = { 126: 2, 127: 8 }[short] ?? 0;
  const mask = (second & 0x80) === 0 ? 0 : 4;
  if (header.length < 2 + extended + mask) return undefined;
  if (extended === 0) return short;
  return extended === 2 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
}

import { GantryError } from '../errors.ts';
import { checksum } from './checksum.ts';
import { packMap, unpackMap } from './msgpack.ts';

/** Changes with every change to the frame or to a message; both ends must have the same. */
export const PROTOCOL_VERSION = 8;
/** Room for every message; bulk data goes into the payload. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Of one frame; a message with a larger payload takes several frames, see `framesOf`. A multiple of 8. */
export const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;
/**
 * Of one message, over all its frames, and so of a vector that is sent: 268 million float32 numbers. A bound on the memory that
 * a peer can ask for; a checkpoint's file holds several such vectors, and Node's arrays end at 4 GiB.
 */
export const MAX_MESSAGE_BYTES = 2 ** 30;
const PREFIX_BYTES = 16;
/** The largest frame there is, as a limit for sockets. */
export const MAX_FRAME_BYTES = PREFIX_BYTES + MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** "GT", the version and 0: how every frame begins. */
const BEGIN = Uint8Array.of(0x47, 0x54, PROTOCOL_VERSION, 0);
const CHECKSUM_AT = 8;

function payloadStart(headerBytes: number): number {
  return Math.ceil((PREFIX_BYTES + headerBytes) / 8) * 8;
}

export function versionError(theirs: number): GantryError {
  return new GantryError(
    'E_VERSION',
    `the other end speaks protocol version ${theirs}, this one version ${PROTOCOL_VERSION}: ` +
      `install the same version of Gantry on both`,
  );
}

function requireAtMost(limit: number, bytes: number, what: string): void {
  if (bytes > limit) throw new GantryError('E_TOO_LARGE', `${what} of ${bytes} bytes is over the limit of ${limit}`);
}

/**
 * Lays a frame out around a copy of the payload:
 * `["GT" | version, 1 byte | 0 | header length, uint32 | checksum, uint64 | header | zeros to a multiple of 8 | payload]`, numbers
 * little-endian. The checksum is that of all other bytes.
 */
export function layFrame(header: object, payload: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const packed = packedHeader(header);
  requireAtMost(MAX_PAYLOAD_BYTES, payload.length, 'a payload');
  const start = payloadStart(packed.length);
  const frame = new Uint8Array(start + payload.length);
  frame.set(payload, start);
  writeHeader(frame, packed);
  return frame;
}

/** Room that `allocatePayload` leaves before a payload; the headers of bulk messages take about 100 bytes. */
const HEADER_ROOM_BYTES = 1024;

/**
 * Memory for a message's payload, in zeros, with room for a header before it. Aligned to 8 bytes.
 * @throws GantryError E_TOO_LARGE above `MAX_MESSAGE_BYTES`
 */
export function allocatePayload(bytes: number): Uint8Array<ArrayBuffer> {
  requireAtMost(MAX_MESSAGE_BYTES, bytes, 'a payload');
  return new Uint8Array(new ArrayBuffer(HEADER_ROOM_BYTES + bytes), HEADER_ROOM_BYTES);
}

/** The frame around a payload that has room before it, in the payload's own memory: nothing is copied. */
export function layFrameAround(header: object, payload: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const packed = packedHeader(header);
  requireAtMost(MAX_PAYLOAD_BYTES, payload.length, 'a payload');
  const begin = payload.byteOffset - payloadStart(packed.length);
  if (begin < 0) throw new RangeError(`no room for a header of ${packed.length} bytes before the payload`);
  const frame = new Uint8Array(payload.buffer, begin, payload.byteOffset + payload.length - begin);
  frame.fill(0, 0, payload.byteOffset - begin);
  writeHeader(frame, packed);
  return frame;
}

function packedHeader(header: object): Uint8Array {
  const packed = packMap(header);
  requireAtMost(MAX_HEADER_BYTES, packed.length, 'a header');
  return packed;
}

/** Writes all before the payload; `frame` has zeros there. */
function writeHeader(frame: Uint8Array<ArrayBuffer>, packed: Uint8Array): void {
  frame.set(BEGIN);
  new DataView(frame.buffer, frame.byteOffset).setUint32(4, packed.length, true);
  frame.set(packed, PREFIX_BYTES);
  sealFrame(frame);
}

/**
 * Writes the checksum of a frame whose other bytes are there.
 * @param rest what is sent behind it as part of the frame
 */
export function sealFrame(frame: Uint8Array, rest: Uint8Array = new Uint8Array()): void {
  viewOf(frame).setBigUint64(CHECKSUM_AT, checksumOf(frame, rest), true);
}

/** As if the frame began as all do: a bit of its first bytes that was changed on the way is no other version. */
function checksumOf(frame: Uint8Array, rest: Uint8Array = new Uint8Array()): bigint {
  return checksum(BEGIN, frame.subarray(BEGIN.length, CHECKSUM_AT), frame.subarray(PREFIX_BYTES), rest);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** @throws GantryError E_CHECKSUM for a frame that was damaged; for what is none of this version, E_PROTOCOL or E_VERSION */
function requireUndamaged(frame: Uint8Array, isPeerKnown: boolean): void {
  const begins = BEGIN.every((byte, i) => frame[i] === byte);
  const isSealed = frame.length >= PREFIX_BYTES && viewOf(frame).getBigUint64(CHECKSUM_AT, true) === checksumOf(frame);
  if (begins && isSealed) return;
  if (!isSealed && !isPeerKnown) {
    const [magic, more, version = 0] = frame;
    if (magic !== BEGIN[0] || more !== BEGIN[1] || frame.length < PREFIX_BYTES) {
      throw new GantryError('E_PROTOCOL', `${frame.length} bytes that are not a frame of Gantry`);
    }
    if (version !== PROTOCOL_VERSION) throw versionError(version);
  }
  throw new GantryError('E_CHECKSUM', `a frame of ${frame.length} bytes was damaged on its way`);
}

/** What a frame says, by its beginning alone: nothing is checked. */
export function peekHeader(beginning: Uint8Array): unknown {
  return unpackMap(beginning.subarray(PREFIX_BYTES, PREFIX_BYTES + viewOf(beginning).getUint32(4, true)));
}

/**
 * Takes a frame apart; the payload shares its memory.
 * @param isPeerKnown whether a frame of this version has come from there before: then, all that is none was damaged
 * @throws GantryError E_PROTOCOL, E_VERSION, E_CHECKSUM or E_TOO_LARGE
 */
export function readFrame(frame: Uint8Array, isPeerKnown: boolean): { header: unknown; payload: Uint8Array } {
  requireUndamaged(frame, isPeerKnown);
  const headerBytes = viewOf(frame).getUint32(4, true);
  requireAtMost(MAX_HEADER_BYTES, headerBytes, 'a header');
  const headerEnd = PREFIX_BYTES + headerBytes;
  const start = payloadStart(headerBytes);
  if (start > frame.length) throw new GantryError('E_PROTOCOL', 'the frame ends before its payload begins');
  requireAtMost(MAX_PAYLOAD_BYTES, frame.length - start, 'a payload');
  if (frame.subarray(headerEnd, start).some((byte) => byte !== 0)) {
    throw new GantryError('E_PROTOCOL', 'the reserved bytes of the frame are not zero');
  }
  return { header: unpackMap(frame.subarray(PREFIX_BYTES, headerEnd)), payload: frame.subarray(start) };
}

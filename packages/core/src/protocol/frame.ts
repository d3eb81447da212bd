import { GantryError } from '../errors.ts';
import { packMap, unpackMap } from './msgpack.ts';

/** Changes with every change to the frame or to a message; both ends must have the same. */
export const PROTOCOL_VERSION = 4;
/** Room for every message; bulk data goes into the payload. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Of one frame; a message with a larger payload takes several frames, see `framesOf`. A multiple of 8. */
export const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;
/**
 * Of one message, over all its frames, and so of a vector that is sent: 268 million float32 numbers. A bound on the memory that
 * a peer can ask for; a checkpoint's file holds several such vectors, and Node's arrays end at 4 GiB.
 */
export const MAX_MESSAGE_BYTES = 2 ** 30;
const PREFIX_BYTES = 8;
/** The largest frame there is, as a limit for sockets. */
export const MAX_FRAME_BYTES = PREFIX_BYTES + MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** "GT" */
const MAGIC = [0x47, 0x54] as const;

/** A frame and, sharing its memory, the part of it that holds the payload. */
export interface Frame {
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly payload: Uint8Array<ArrayBuffer>;
}

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
 * Lays a frame out, with zeros for a payload:
 * `["GT" | version, 1 byte | 0 | header length, uint32 little-endian | header | zeros to a multiple of 8 | payload]`.
 */
export function layFrame(header: object, payloadBytes: number): Frame {
  const packed = packedHeader(header);
  requireAtMost(MAX_PAYLOAD_BYTES, payloadBytes, 'a payload');
  const start = payloadStart(packed.length);
  const frame = new Uint8Array(start + payloadBytes);
  writeHeader(frame, packed);
  return { frame, payload: frame.subarray(start) };
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
  frame.set([...MAGIC, PROTOCOL_VERSION]);
  new DataView(frame.buffer, frame.byteOffset).setUint32(4, packed.length, true);
  frame.set(packed, PREFIX_BYTES);
}

/**
 * Takes a frame apart; the payload shares its memory.
 * @throws GantryError E_PROTOCOL, E_VERSION or E_TOO_LARGE
 */
export function readFrame(frame: Uint8Array): { header: unknown; payload: Uint8Array } {
  if (frame.length < PREFIX_BYTES || frame[0] !== MAGIC[0] || frame[1] !== MAGIC[1]) {
    throw new GantryError('E_PROTOCOL', `${frame.length} bytes that are not a frame of Gantry`);
  }
  const [, , version = 0, reserved] = frame;
  if (version !== PROTOCOL_VERSION) throw versionError(version);
  const headerBytes = new DataView(frame.buffer, frame.byteOffset).getUint32(4, true);
  requireAtMost(MAX_HEADER_BYTES, headerBytes, 'a header');
  const headerEnd = PREFIX_BYTES + headerBytes;
  const start = payloadStart(headerBytes);
  if (start > frame.length) throw new GantryError('E_PROTOCOL', 'the frame ends before its payload begins');
  requireAtMost(MAX_PAYLOAD_BYTES, frame.length - start, 'a payload');
  if (reserved !== 0 || frame.subarray(headerEnd, start).some((byte) => byte !== 0)) {
    throw new GantryError('E_PROTOCOL', 'the reserved bytes of the frame are not zero');
  }
  return { header: unpackMap(frame.subarray(PREFIX_BYTES, headerEnd)), payload: frame.subarray(start) };
}

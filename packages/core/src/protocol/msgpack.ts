// Not 'msgpackr' itself, which hands bytes of the peer to a native addon where one is installed.
import { Packr } from 'msgpackr/pack';
import { GantryError } from '../errors.ts';

const MAX_DEPTH = 8;
const MAX_VALUES = 4096;

/** Plain msgpack: no records, so that no reader code is generated, and maps with the shortest length prefix. */
const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, int64AsType: 'number' });
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function malformed(problem: string, options?: ErrorOptions): GantryError {
  return new GantryError('E_PROTOCOL', `the frame's header is not a valid msgpack map: ${problem}`, options);
}

/** The msgpack bytes of a map; equal maps with keys in the same order give equal bytes. */
export function packMap(map: object): Uint8Array {
  const bytes = packr.pack(map);
  checkMap(bytes);
  return bytes;
}

/** Reads a map of nil, booleans, numbers, strings, arrays and maps. @throws GantryError E_PROTOCOL for anything else */
export function unpackMap(bytes: Uint8Array): unknown {
  checkMap(bytes);
  try {
    return packr.unpack(bytes) as unknown;
  } catch (cause) {
    throw malformed('it cannot be read', { cause });
  }
}

/**
 * Walks over msgpack bytes without building anything and refuses what msgpackr would accept from a hostile peer: deep
 * nesting, arrays longer than the bytes that follow, extensions, binary, keys that are no strings, come twice or are
 * `__proto__`, and text that is not UTF-8.
 */
function checkMap(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let values = 0;

  function take(count: number): number {
    const start = at;
    if (count > bytes.length - at) throw malformed('it ends early');
    at += count;
    return start;
  }

  function uint(size: 1 | 2 | 4): number {
    const start = take(size);
    return size === 1 ? view.getUint8(start) : size === 2 ? view.getUint16(start) : view.getUint32(start);
  }

  function string(length: number): string {
    const start = take(length);
    try {
      return utf8.decode(bytes.subarray(start, at));
    } catch (cause) {
      throw malformed('its text is not UTF-8', { cause });
    }
  }

  function key(): string {
    const token = uint(1);
    if (token >= 0xa0 && token <= 0xbf) return string(token & 0x1f);
    if (token === 0xd9) return string(uint(1));
    throw malformed('a key is no short string');
  }

  function array(length: number, depth: number): void {
    for (let i = 0; i < length; i++) value(depth + 1);
  }

  function map(length: number, depth: number): void {
    const keys = new Set<string>();
    for (let i = 0; i < length; i++) {
      const name = key();
      if (name === '__proto__' || keys.has(name)) throw malformed('a key comes twice or is __proto__');
      keys.add(name);
      value(depth + 1);
    }
  }

  function value(depth: number): void {
    if (depth > MAX_DEPTH) throw malformed(`it is nested deeper than ${MAX_DEPTH}`);
    if (++values > MAX_VALUES) throw malformed(`it has more than ${MAX_VALUES} values`);
    const token = uint(1);
    if (depth === 1 && (token & 0xf0) !== 0x80 && token !== 0xde) throw malformed('it is not a map');
    if (token <= 0x7f || token >= 0xe0) return; // a small integer
    if (token <= 0x8f) return map(token & 0x0f, depth);
    if (token <= 0x9f) return array(token & 0x0f, depth);
    if (token <= 0xbf) return void string(token & 0x1f);
    switch (token) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return;
      case 0xcc: // uint 8
      case 0xd0: // int 8
        return void take(1);
      case 0xcd: // uint 16
      case 0xd1: // int 16
        return void take(2);
      case 0xca: // float 32
      case 0xce: // uint 32
      case 0xd2: // int 32
        return void take(4);
      case 0xcb: // float 64
      case 0xcf: // uint 64
      case 0xd3: // int 64
        return void take(8);
      case 0xd9:
        return void string(uint(1));
      case 0xda:
        return void string(uint(2));
      case 0xdc:
        return array(uint(2), depth);
      case 0xde:
        return map(uint(2), depth);
      default: // binary, extensions, and lengths of 32 bits, which no header of 64 KiB needs
        throw malformed(`its byte 0x${token.toString(16)} begins a type that no message uses`);
    }
  }

  value(1);
  if (at !== bytes.length) throw malformed('bytes follow it');
}

import { GantryError, type ErrorCode } from '../errors.ts';

/** The NumPy array format, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59); // \x93NUMPY
/** Magic, version and length. */
const PRELUDE_BYTES = 10;
/** From version 2 on. */
const LONG_PRELUDE_BYTES = 12;
/** Of arrays of numbers; those of records may have longer ones. */
const MAX_HEADER_BYTES = 65_536;

type ElementType = '|u1' | '<f4';

/** The beginning of a file for an array whose numbers follow, little-endian and in row-major order. */
export function npyHeader(shape: readonly number[], type: ElementType = '|u1'): Uint8Array {
  const fields = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  // The header ends in a newline at a multiple of 64.
  const header = fields.padEnd(Math.ceil((PRELUDE_BYTES + fields.length + 1) / 64) * 64 - PRELUDE_BYTES - 1) + '\n';
  return Uint8Array.of(...MAGIC, 1, 0, header.length & 0xff, header.length >>> 8, ...new TextEncoder().encode(header));
}

/** An array as a file has it. */
interface NpyArray {
  readonly shape: number[];
  /** How NumPy calls the type of its elements, such as `|u1`. */
  readonly type: string;
  /** The elements in row-major order; they share the file's memory. */
  readonly bytes: Uint8Array;
}

/** Elements that labels may have: integers as NumPy writes them on nearly every machine. */
const INTEGERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  '|u1': (view, at) => view.getUint8(at),
  '|i1': (view, at) => view.getInt8(at),
  '<u2': (view, at) => view.getUint16(at, true),
  '<i2': (view, at) => view.getInt16(at, true),
  '<u4': (view, at) => view.getUint32(at, true),
  '<i4': (view, at) => view.getInt32(at, true),
  '<u8': (view, at) => Number(view.getBigUint64(at, true)),
  '<i8': (view, at) => Number(view.getBigInt64(at, true)),
};

/**
 * Reads an array of uint8; the values share the file's memory.
 * @param name how errors call the file
 * @param code of errors
 * @throws GantryError if it is none, of another type, in column-major order, or shorter or longer than its shape says
 */
export function readNpy(
  file: Uint8Array,
  name: string,
  code: ErrorCode = 'E_CONFIG',
): { shape: number[]; values: Uint8Array } {
  const { shape, type, bytes } = arrayIn(file, name, code);
  if (type !== '|u1') throw new GantryError(code, `${name}: an array of ${type} where bytes (uint8) were expected`);
  requireSize(bytes, shape, 1, name, code);
  return { shape, values: bytes };
}

/** Reads an array of integers of any size. @throws GantryError E_DATASET like `readNpy` */
export function readNpyIntegers(file: Uint8Array, name: string): { shape: number[]; values: number[] } {
  const { shape, type, bytes } = arrayIn(file, name, 'E_DATASET');
  const element = Object.hasOwn(INTEGERS, type) ? INTEGERS[type] : undefined;
  if (!element) throw new GantryError('E_DATASET', `${name}: an array of ${type} where integers were expected`);
  const size = Number(type.at(-1));
  requireSize(bytes, shape, size, name, 'E_DATASET');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { shape, values: Array.from({ length: bytes.length / size }, (_, i) => element(view, i * size)) };
}

function arrayIn(file: Uint8Array, name: string, code: ErrorCode): NpyArray {
  const fail = (problem: string) => new GantryError(code, `${name}: ${problem}`);
  const isNpy = file.length > LONG_PRELUDE_BYTES && MAGIC.every((byte, i) => file[i] === byte);
  if (!isNpy) throw fail('not a file of NumPy, as numpy.save writes it');
  // From version 2 on, the length has four bytes.
  const isLong = (file[6] ?? 0) >= 2;
  const view = new DataView(file.buffer, file.byteOffset);
  const begin = isLong ? LONG_PRELUDE_BYTES : PRELUDE_BYTES;
  const end = begin + (isLong ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(file.subarray(begin, Math.min(end, begin + MAX_HEADER_BYTES)));
  const type = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === undefined || shapeText === undefined) throw fail('its header cannot be read');
  if (!/'fortran_order':\s*False/.test(header)) throw fail('an array in column-major order; save a C-contiguous one');
  const shape = shapeText.split(',').flatMap((side) => (side.trim() === '' ? [] : [Number(side)]));
  return { shape, type, bytes: file.subarray(end) };
}

function requireSize(bytes: Uint8Array, shape: readonly number[], each: number, name: string, code: ErrorCode): void {
  const size = shape.reduce((product, side) => product * side, each);
  if (bytes.length === size) return;
  throw new GantryError(code, `${name}: ${bytes.length} bytes where [${shape.join(',')}] takes ${size}`);
}

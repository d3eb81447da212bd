import { GantryError } from '@gantry/core';

/** The NumPy array format, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59); // \x93NUMPY
/** Magic, version and length. */
const PRELUDE_BYTES = 10;

type ElementType = '|u1' | '<f4';

/** The beginning of a file for an array whose numbers follow, little-endian and in row-major order. */
export function npyHeader(shape: readonly number[], type: ElementType = '|u1'): Uint8Array {
  const fields = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  // The header ends in a newline at a multiple of 64.
  const header = fields.padEnd(Math.ceil((PRELUDE_BYTES + fields.length + 1) / 64) * 64 - PRELUDE_BYTES - 1) + '\n';
  return Uint8Array.of(...MAGIC, 1, 0, header.length & 0xff, header.length >>> 8, ...new TextEncoder().encode(header));
}

/**
 * Reads an array of uint8.
 * @param name how errors call the file
 * @throws GantryError E_CONFIG if it is none, of another type, in column-major order, or shorter or longer than its shape says
 */
export function readNpy(file: Uint8Array, name: string): { shape: number[]; values: Uint8Array } {
  const fail = (problem: string) => new GantryError('E_CONFIG', `${name}: ${problem}`);
  const isNpy = file.length > PRELUDE_BYTES && MAGIC.every((byte, i) => file[i] === byte);
  if (!isNpy) throw fail('not a file of NumPy, as numpy.save writes it');
  // From version 2 on, the length has four bytes.
  const isLong = (file[6] ?? 0) >= 2;
  const view = new DataView(file.buffer, file.byteOffset);
  const begin = isLong ? PRELUDE_BYTES + 2 : PRELUDE_BYTES;
  const end = begin + (isLong ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(file.subarray(begin, end));
  const type = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === undefined || shapeText === undefined) throw fail('its header cannot be read');
  if (type !== '|u1') throw fail(`an array of ${type} where bytes (uint8) were expected`);
  if (!/'fortran_order':\s*False/.test(header)) throw fail('an array in column-major order; save a C-contiguous one');
  const shape = shapeText.split(',').flatMap((side) => (side.trim() === '' ? [] : [Number(side)]));
  const values = file.subarray(end);
  const size = shape.reduce((product, side) => product * side, 1);
  if (values.length !== size) throw fail(`${values.length} bytes where [${shape.join(',')}] takes ${size}`);
  return { shape, values };
}

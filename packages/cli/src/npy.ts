/**
 * The beginning of a file in the NumPy array format, version 1.0, for a uint8 array whose numbers follow in row-major order
 * (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const fields = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
  const header = fields.padEnd(Math.ceil((10 + fields.length + 1) / 64) * 64 - 11) + '\n';
  const encoder = new TextEncoder();
  return Uint8Array.of(
    0x93,
    ...encoder.encode('NUMPY'),
    1,
    0,
    header.length & 0xff,
    header.length >>> 8,
    ...encoder.encode(header),
  );
}

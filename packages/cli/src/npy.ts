/**
 * The NumPy array format, version 1.0, for uint8 arrays in row-major order
 * (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */
export function encodeNpy(data: Uint8Array, shape: readonly number[]): Uint8Array {
  const fields = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
  const header = fields.padEnd(Math.ceil((10 + fields.length + 1) / 64) * 64 - 11) + '\n';
  const prefix = new Uint8Array([
    0x93,
    ...new TextEncoder().encode('NUMPY'),
    1,
    0,
    header.length & 0xff,
    header.length >>> 8,
  ]);
  const file = new Uint8Array(prefix.length + header.length + data.length);
  file.set(prefix);
  file.set(new TextEncoder().encode(header), prefix.length);
  file.set(data, prefix.length + header.length);
  return file;
}

import { GantryError } from '../errors.ts';

/**
 * The safetensors format, version 0.x (https://github.com/huggingface/safetensors#format): an 8-byte little-endian
 * header length, a JSON header, and the tensors' bytes, little-endian and row-major. Only dtype F32 is read and written.
 */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const LENGTH_BYTES = 8;
/** The reference implementation refuses larger headers. */
const MAX_HEADER_BYTES = 100_000_000;

/** @param metadata free text by key, kept in the header */
export function encodeSafetensors(tensors: readonly NamedTensor[], metadata: Record<string, string> = {}): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, shape, data }) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const unpadded = new TextEncoder().encode(json);
  // Spaces behind the JSON align the data to 8 bytes, as the reference implementation does.
  const headerBytes = Math.ceil(unpadded.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(unpadded, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [begin: number, end: number];
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data_offsets: offsets } = value as Partial<Record<keyof Entry, unknown>>;
  const areCounts = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  return typeof dtype === 'string' && areCounts(shape) && areCounts(offsets) && offsets.length === 2;
}

/**
 * Decodes a file; the tensors are copies.
 * @throws GantryError E_SAFETENSORS for anything that is not well-formed: sizes, offsets, gaps, overlaps, other dtypes
 */
export function decodeSafetensors(file: Uint8Array): { tensors: NamedTensor[]; metadata: Record<string, string> } {
  const fail = (problem: string) => new GantryError('E_SAFETENSORS', `not a valid safetensors file: ${problem}`);
  if (file.length < LENGTH_BYTES) throw fail('shorter than its header');
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const dataStart = LENGTH_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || dataStart > file.length) throw fail('its header is longer than the file');

  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(LENGTH_BYTES, dataStart)));
  } catch (cause) {
    throw new GantryError('E_SAFETENSORS', 'not a valid safetensors file: its header is not JSON', { cause });
  }
  if (typeof header !== 'object' || header === null) throw fail('its header is not a map');
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;

  const found = Object.entries(entries).map(([name, entry]) => {
    if (!isEntry(entry)) throw fail(`tensor ${name} has no dtype, shape and data_offsets`);
    return { name, entry };
  });
  // The order of the header's keys means nothing; the data must be covered without gaps or overlaps.
  found.sort(
    (a, b) => a.entry.data_offsets[0] - b.entry.data_offsets[0] || a.entry.data_offsets[1] - b.entry.data_offsets[1],
  );
  let expectedBegin = 0;
  const tensors = found.map(({ name, entry }) => {
    if (entry.dtype !== 'F32') throw fail(`tensor ${name} is ${entry.dtype}, and only F32 is supported`);
    const [begin, end] = entry.data_offsets;
    const size = entry.shape.reduce((product, side) => product * side, 1);
    if (begin !== expectedBegin || end - begin !== size * 4) throw fail(`tensor ${name} does not fill its place`);
    expectedBegin = end;
    // Not file.slice(): that of a Node Buffer would share the file's memory.
    const bytes = Uint8Array.from(file.subarray(dataStart + begin, dataStart + end));
    if (bytes.length !== size * 4) throw fail(`tensor ${name} lies beyond the end`);
    return { name, shape: entry.shape, data: new Float32Array(bytes.buffer) };
  });
  if (dataStart + expectedBegin !== file.length) throw fail('bytes follow its last tensor');
  return { tensors, metadata: metadata as Record<string, string> };
}

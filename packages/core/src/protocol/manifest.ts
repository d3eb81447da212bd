import { GantryError } from '../errors.ts';
import { layOutManifest, sizeOf, type ModelManifest, type Parameter } from '../model/manifest.ts';
import { dataInput } from '../model/step-inputs.ts';
import { MAX_MESSAGE_BYTES } from './frame.ts';
import type { MessageOf } from './messages.ts';

type Welcome = MessageOf<'welcome'>;

/** The manifest as `welcome` carries it: offsets and sizes follow from order and shapes. */
export function manifestToWire(manifest: ModelManifest): Welcome['manifest'] {
  const { trainable, movingStatistics, inputs, sums } = manifest;
  return {
    trainable: trainable.map(parameterToWire),
    movingStatistics: movingStatistics.map((each) => ({ ...parameterToWire(each), momentum: each.momentum })),
    inputs: inputs.map((input) => {
      const common = { name: input.name, shape: [...input.shape] };
      if (input.from === 'data') return { ...common, from: 'data' };
      const drawn = { ...common, streams: [...input.streams] };
      return input.from === 'normal' ? { ...drawn, from: 'normal' } : { ...drawn, from: 'keepMask', rate: input.rate };
    }),
    sums: [...sums],
  };
}

function parameterToWire({ name, shape, initializer }: Parameter) {
  return { name, shape: [...shape], initializer: { ...initializer } };
}

/**
 * @throws GantryError E_MANIFEST if a name comes twice, a leaf or the inputs of a sample take more than `MAX_MESSAGE_BYTES`, or
 *   there is not exactly one input that is sent
 */
export function manifestFromWire(wire: Welcome['manifest']): ModelManifest {
  const leafBytes = check(wire.trainable, 4) + check(wire.movingStatistics, 4) + 4 * (wire.sums.length + 1);
  if (leafBytes > MAX_MESSAGE_BYTES) throw tooLarge('a leaf');
  check(wire.inputs, 1);
  dataInput(wire);
  if (new Set(wire.sums).size < wire.sums.length) throw new GantryError('E_MANIFEST', 'a sum comes twice');
  return layOutManifest(wire);
}

/** @returns bytes of all of the list */
function check(
  list: readonly { readonly name: string; readonly shape: readonly number[] }[],
  bytesEach: number,
): number {
  const names = new Set<string>();
  let bytes = 0;
  for (const { name, shape } of list) {
    if (names.has(name)) throw new GantryError('E_MANIFEST', `the name ${name} comes twice`);
    names.add(name);
    bytes += bytesEach * sizeOf(shape);
    if (bytes > MAX_MESSAGE_BYTES) throw tooLarge(`all up to ${name}`);
  }
  return bytes;
}

function tooLarge(what: string): GantryError {
  return new GantryError('E_MANIFEST', `${what} would take more than ${MAX_MESSAGE_BYTES} bytes`);
}

/** The manifest, as the bytes whose sha256 both ends compare. */
export function manifestBytes(manifest: ModelManifest): Uint8Array<ArrayBuffer> {
  const rows = (list: readonly Parameter[]) =>
    list.map(({ name, shape, initializer }) => [name, 'float32', shape, sortedEntries(initializer)]);
  const { trainable, movingStatistics, inputs, sums } = manifest;
  const all = [
    rows(trainable),
    rows(movingStatistics),
    movingStatistics.map(({ momentum }) => momentum),
    inputs.map(sortedEntries),
    sums,
  ];
  return new TextEncoder().encode(JSON.stringify(all));
}

/** However an object came to be, the same order. */
function sortedEntries(object: object): [string, unknown][] {
  return Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The programs of a run in the order of `welcome`, as the bytes whose sha256 both ends compare. */
export function programsBytes(programs: Welcome['programs']): Uint8Array<ArrayBuffer> {
  const rows = programs.map(({ samples, bytes, sha256: digest }) => [samples, bytes, digest]);
  return new TextEncoder().encode(JSON.stringify(rows));
}

/**
 * The sha256 of bytes in hexadecimal.
 * @throws GantryError E_CONFIG on a page where browsers offer no cryptography
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = crypto as { subtle?: SubtleCrypto };
  if (!subtle) {
    throw new GantryError(
      'E_CONFIG',
      'browsers compute hashes on secure pages only: open this one by https or localhost',
    );
  }
  // What a socket delivers lies in an ArrayBuffer; only shared memory would be refused.
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

import { GantryError } from '../errors.ts';
import { dataInput } from '../model/batch-inputs.ts';
import {
  gradientName,
  layOutManifest,
  sizeOf,
  type ModelManifest,
  type Parameter,
  type PhaseInput,
} from '../model/manifest.ts';
import type { TrainingSpec } from '../training/training-spec.ts';
import { MAX_MESSAGE_BYTES } from './frame.ts';
import type { MessageOf } from './messages.ts';

type Welcome = MessageOf<'welcome'>;

/** The manifest as `welcome` carries it: offsets and sizes follow from order and shapes. */
export function manifestToWire(manifest: ModelManifest): Welcome['manifest'] {
  const { model, trainable, movingStatistics, phases } = manifest;
  return {
    model,
    trainable: trainable.map(parameterToWire),
    movingStatistics: movingStatistics.map((each) => ({ ...parameterToWire(each), momentum: each.momentum })),
    phases: phases.map(({ name, times, updates, inputs, sums }) => {
      return { name, times, updates: [...updates], inputs: inputs.map(inputToWire), sums: [...sums] };
    }),
  };
}

function inputToWire(input: PhaseInput): Welcome['manifest']['phases'][number]['inputs'][number] {
  const common = { name: input.name, shape: [...input.shape] };
  if (input.from === 'data') return { ...common, from: 'data' };
  if (input.from === 'label') return { ...common, shape: [input.shape[0] ?? 0], from: 'label' };
  const drawn = { ...common, streams: [...input.streams] };
  return input.from === 'keepMask' ? { ...drawn, from: 'keepMask', rate: input.rate } : { ...drawn, from: input.from };
}

function parameterToWire({ name, shape, initializer }: Parameter) {
  return { name, shape: [...shape], initializer: { ...initializer } };
}

/**
 * @throws GantryError E_MANIFEST if a name comes twice, a contribution or the inputs of a sample take more than
 *   `MAX_MESSAGE_BYTES`, a network's parameters do not lie together, or phases do not take exactly one input that is sent, of
 *   one shape, with the same label
 */
export function manifestFromWire(wire: Welcome['manifest']): ModelManifest {
  const bytes = check(wire.trainable, 4) + check(wire.movingStatistics, 4);
  const dataShapes = wire.phases.map((phase) => {
    check(phase.inputs, 1);
    requireDistinct([...phase.inputs, ...wire.trainable].map(nameOf), `name of an input of ${phase.name}`);
    const gradients = wire.trainable.map(({ name }) => gradientName(name));
    const outputs = [...gradients, ...wire.movingStatistics.map(nameOf), ...phase.sums];
    requireDistinct(outputs, `name of an output of ${phase.name}`);
    if (bytes + 4 * (phase.sums.length + 1) > MAX_MESSAGE_BYTES) throw tooLarge('a contribution');
    const labels = phase.inputs.filter(({ from }) => from === 'label');
    if (labels.length > 1) throw new GantryError('E_MANIFEST', `a sample has one label, and ${phase.name} takes more`);
    return JSON.stringify([dataInput(phase).shape, labels]);
  });
  requireDistinct(wire.phases.map(nameOf), 'phase');
  if (new Set(dataShapes).size > 1) throw new GantryError('E_MANIFEST', 'phases take different data');
  try {
    const manifest = layOutManifest(wire);
    requireNetworks(manifest);
    return manifest;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new GantryError('E_MANIFEST', cause.message, { cause });
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function requireDistinct(names: readonly string[], what: string): void {
  if (new Set(names).size < names.length) throw new GantryError('E_MANIFEST', `a ${what} comes twice`);
}

function requireNetworks({ networks, phases }: ModelManifest): void {
  const names = new Set(networks.map(({ name }) => name));
  for (const { name, updates } of phases) {
    requireDistinct(updates, `network that ${name} updates`);
    const unknown = updates.find((network) => !names.has(network));
    if (unknown !== undefined)
      throw new GantryError('E_MANIFEST', `${name} updates ${unknown}, which has no parameters`);
  }
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
  const { model, trainable, movingStatistics, phases } = manifest;
  const all = [
    model,
    rows(trainable),
    rows(movingStatistics),
    movingStatistics.map(({ momentum }) => momentum),
    phases.map(({ name, times, updates, inputs, sums }) => [name, times, updates, inputs.map(sortedEntries), sums]),
  ];
  return new TextEncoder().encode(JSON.stringify(all));
}

/** However an object came to be, the same order. */
function sortedEntries(object: object): [string, unknown][] {
  return Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * What fixes results besides the manifest: the seed, how training goes, and the programs in the order of `welcome`. Both ends compare
 * its sha256.
 */
export function programBytes({
  seed,
  programs,
  training,
}: Pick<Welcome, 'seed' | 'programs'> & { readonly training: TrainingSpec }): Uint8Array<ArrayBuffer> {
  const rows = programs.map(({ phase, samples, bytes, sha256: digest }) => [phase, samples, bytes, digest]);
  // However an object came to be, the same order.
  const sorted = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(sortedEntries(value))
      : value;
  return new TextEncoder().encode(JSON.stringify([seed, rows, training], sorted));
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

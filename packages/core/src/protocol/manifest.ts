import { GantryError } from '../errors.ts';
import { layOutManifest, type Parameter, type ParameterManifest } from '../parameters.ts';
import { MAX_PAYLOAD_BYTES } from './frame.ts';
import type { MessageOf } from './messages.ts';

type Welcome = MessageOf<'welcome'>;

/** The manifest as `welcome` carries it: offsets and sizes follow from order and shapes. */
export function manifestToWire(manifest: ParameterManifest): Welcome['manifest'] {
  const namesAndShapes = (list: readonly Parameter[]) => list.map(({ name, shape }) => ({ name, shape: [...shape] }));
  return {
    trainable: namesAndShapes(manifest.trainable),
    movingStatistics: namesAndShapes(manifest.movingStatistics),
  };
}

/** @throws GantryError E_MANIFEST if a name comes twice or the parameters are too large for a frame */
export function manifestFromWire(wire: Welcome['manifest']): ParameterManifest {
  check(wire.trainable);
  check(wire.movingStatistics);
  return layOutManifest(wire.trainable, wire.movingStatistics);
}

function check(list: Welcome['manifest']['trainable']): void {
  const names = new Set<string>();
  let bytes = 0;
  for (const { name, shape } of list) {
    if (names.has(name)) throw new GantryError('E_MANIFEST', `the parameter ${name} comes twice`);
    names.add(name);
    bytes += 4 * shape.reduce((product, side) => product * side, 1);
    if (bytes > MAX_PAYLOAD_BYTES) {
      throw new GantryError('E_MANIFEST', `with ${name} the parameters take more than ${MAX_PAYLOAD_BYTES} bytes`);
    }
  }
}

/** Names, types and shapes of all parameters in order, as the bytes whose sha256 both ends compare. */
export function manifestBytes(manifest: ParameterManifest): Uint8Array<ArrayBuffer> {
  const rows = (list: readonly Parameter[]) => list.map(({ name, shape }) => [name, 'float32', shape]);
  return new TextEncoder().encode(JSON.stringify([rows(manifest.trainable), rows(manifest.movingStatistics)]));
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

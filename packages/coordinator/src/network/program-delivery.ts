import {
  PROTOCOL_VERSION,
  encodeFrame,
  encodeFrames,
  manifestBytes,
  manifestToWire,
  programBytes,
  sha256,
  type MessageOf,
  type Program,
} from '@gantry/core';
import { HEARTBEAT_MS } from './heartbeat.ts';

/** A program as it is sent to workers. */
export interface Delivery {
  readonly welcome: MessageOf<'welcome'>;
  /** The welcome and the programs it announces, encoded once for all workers. */
  readonly frames: readonly Uint8Array[];
  /** sha256 of the manifest, and of the seed and the programs, which a worker has to confirm. */
  readonly hashes: { readonly manifest: string; readonly program: string };
}

/** @param run name of the run, for people */
export async function prepareDelivery(run: string, { seed, manifest, variants, training }: Program): Promise<Delivery> {
  const programs = await Promise.all(
    variants.map(async ({ phase, samples, onnx }) => {
      return { phase, samples, bytes: onnx.length, sha256: await sha256(onnx) };
    }),
  );
  const welcome: MessageOf<'welcome'> = {
    type: 'welcome',
    protocol: PROTOCOL_VERSION,
    run,
    seed,
    heartbeatMs: HEARTBEAT_MS,
    manifest: manifestToWire(manifest),
    training: { ...training, optimizers: { ...training.optimizers } },
    programs,
  };
  return {
    welcome,
    frames: [
      encodeFrame(welcome),
      ...variants.flatMap(({ phase, samples, onnx }) => encodeFrames({ type: 'program', phase, samples }, onnx)),
    ],
    hashes: { manifest: await sha256(manifestBytes(manifest)), program: await sha256(programBytes(welcome)) },
  };
}

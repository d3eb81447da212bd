import { initialState, sampleBytes, sha256, type Program, type ShardWork } from '@gantry/core';
import type { EngineHost } from '../slots/engine-host.ts';

/**
 * The numeric class of an engine: a hash of its gradients of a fixed shard with fixed weights. Rounding differs between
 * engines, devices and generations of processors; engines of one class can be mixed without changing a run's result.
 * Leaves the engine with the weights of the probe.
 * @returns the first 16 hexadecimal digits of a sha256
 */
export async function probeNumericClass(engine: EngineHost, program: Program): Promise<string> {
  await engine.setWeights(initialState(program.manifest, 0).weights);
  const samples = program.variants[0]?.samples ?? 0;
  const images = Uint8Array.from(
    { length: samples * sampleBytes(program.manifest) },
    (_, i) => Math.imul(i, 0x9e3779b1) >>> 24,
  );
  const probe: ShardWork = { step: 0, index: 0, first: 0, samples, images };
  const leaf = await engine.gradients(probe);
  const hash = await sha256(new Uint8Array(leaf.buffer, leaf.byteOffset, leaf.byteLength));
  return hash.slice(0, 16);
}

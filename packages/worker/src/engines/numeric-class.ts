import { initialWeights, sampleBytes, sha256, type Program, type Unit } from '@gantry/core';
import type { EngineHost } from '../slots/engine-host.ts';

/**
 * The numeric class of an engine: a hash of its gradients of a fixed shard with fixed weights. Rounding differs between
 * engines, devices and generations of processors; engines of one class can be mixed without changing a run's result.
 * Leaves the engine with the weights of the probe.
 * @returns the first 16 hexadecimal digits of a sha256
 */
export async function probeNumericClass(engine: EngineHost, program: Program): Promise<string> {
  await engine.setWeights(initialWeights(program.manifest, 0));
  const samples = program.variants[0]?.samples ?? 0;
  const data = Uint8Array.from(
    { length: samples * sampleBytes(program.manifest) },
    (_, i) => Math.imul(i, 0x9e3779b1) >>> 24,
  );
  const probe: Unit = { round: 0, index: 0, batches: [{ step: 0, iteration: 0, first: 0, samples }], data };
  const contribution = await engine.gradients(probe);
  const { buffer, byteOffset, byteLength } = contribution;
  const hash = await sha256(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.slice(0, 16);
}

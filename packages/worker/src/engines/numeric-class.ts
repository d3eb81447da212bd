import { initialWeights, sampleBytes, sha256, type LoadedUnit, type Program } from '@gantry/core';
import type { EngineHost } from '../slots/engine-host.ts';

/** The version of what machine code computes: another one wherever a bit changes. */
const NATIVE_ARITHMETIC = 1;

/**
 * The numeric class of an engine by what defines it; engines of one class can be mixed without changing a run's result.
 * Machine code has the same bits everywhere. Elsewhere rounding differs between versions and generations of processors, too,
 * which only `probeOf` tells.
 */
export function numericClassOf(engine: string, device: string): string {
  if (engine === 'native') return `native-${NATIVE_ARITHMETIC}`;
  const [kind = ''] = device.split(':');
  return `${engine}-${kind}`;
}

/**
 * What confirms a numeric class: a hash of an engine's gradients of a fixed shard with fixed weights. Leaves the engine with
 * the weights of the probe.
 * @returns the first 16 hexadecimal digits of a sha256
 */
export async function probeOf(engine: EngineHost, program: Program): Promise<string> {
  await engine.setWeights(initialWeights(program.manifest, 0));
  const contribution = await engine.gradients(probeShard(program));
  // Which NaN an operation gives is the processor's choice.
  for (const [i, value] of contribution.entries()) if (Number.isNaN(value)) contribution[i] = NaN;
  const { buffer, byteOffset, byteLength } = contribution;
  const hash = await sha256(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.slice(0, 16);
}

/** The shard that engines are probed with. */
export function probeShard({ manifest, variants }: Program): LoadedUnit {
  const samples = variants[0]?.samples ?? 0;
  const data = Uint8Array.from({ length: samples * sampleBytes(manifest) }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  return { round: 0, index: 0, batches: [{ step: 0, iteration: 0, first: 0, samples }], data };
}

import { allocatePayload } from './protocol/frame.ts';
import { gradientName, viewOf, type ParameterManifest } from './parameters.ts';

/** Sums over the samples of a shard that are reported, not trained on. */
const REPORTED_SUMS = ['generatorLoss', 'discriminatorLoss', 'dReal', 'dFake'] as const;
export const SUM_NAMES = [...REPORTED_SUMS, 'samples'] as const;
export type SumName = (typeof SUM_NAMES)[number];

/**
 * The layout of a leaf, the result of one shard, and of every sum of leaves: one flat float32 vector
 * `[gradients | batch-norm statistics × samples | sums]`, so that reducing is nothing but adding vectors.
 * Gradients lie as `manifest.trainable`, statistics as `manifest.movingStatistics` (mean, biased variance).
 */
export interface LeafLayout {
  readonly length: number;
  readonly statisticsOffset: number;
  readonly sumsOffset: number;
}

export function leafLayout(manifest: ParameterManifest): LeafLayout {
  const sumsOffset = manifest.trainableSize + manifest.movingStatisticsSize;
  return { statisticsOffset: manifest.trainableSize, sumsOffset, length: sumsOffset + SUM_NAMES.length };
}

/** Memory for a leaf, in zeros, with room before it for the header of the message that carries it. */
export function newLeaf(manifest: ParameterManifest): Float32Array<ArrayBuffer> {
  const { length } = leafLayout(manifest);
  const { buffer, byteOffset } = allocatePayload(4 * length);
  return new Float32Array(buffer, byteOffset, length);
}

/** One of the sums of a leaf or node. */
export function sumOf(vector: Float32Array, layout: LeafLayout, name: SumName): number {
  const sum = vector[layout.sumsOffset + SUM_NAMES.indexOf(name)];
  if (sum === undefined) throw new RangeError(`a leaf of ${layout.length} numbers was expected, got ${vector.length}`);
  return sum;
}

/** A part of a leaf under the name of the output of `trainingStep` that belongs there; shares the leaf's memory. */
export interface LeafPart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The parts of a leaf: gradients, batch statistics (to be multiplied by the number of samples) and sums. */
export function leafParts(leaf: Float32Array, manifest: ParameterManifest): LeafPart[] {
  const { statisticsOffset, sumsOffset } = leafLayout(manifest);
  const statistics = leaf.subarray(statisticsOffset, sumsOffset);
  return [
    ...manifest.trainable.map((parameter) => {
      return { name: gradientName(parameter.name), shape: parameter.shape, values: viewOf(leaf, parameter) };
    }),
    ...manifest.movingStatistics.map((parameter) => {
      return { name: parameter.name, shape: parameter.shape, values: viewOf(statistics, parameter) };
    }),
    ...REPORTED_SUMS.map((name, i) => {
      return { name, shape: [], values: leaf.subarray(sumsOffset + i, sumsOffset + i + 1) };
    }),
  ];
}

/** Completes a leaf whose parts hold the outputs of `trainingStep`: statistics become sums, and the samples are counted. */
export function completeLeaf(leaf: Float32Array, manifest: ParameterManifest, samples: number): void {
  const { statisticsOffset, sumsOffset, length } = leafLayout(manifest);
  for (let i = statisticsOffset; i < sumsOffset; i++) leaf[i] = (leaf[i] as number) * samples;
  leaf[length - 1] = samples;
}

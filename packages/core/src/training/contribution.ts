import { allocatePayload } from '../protocol/frame.ts';
import { gradientName, viewOf, type ModelManifest } from '../model/manifest.ts';

/**
 * The layout of a leaf, the result of one shard, and of every sum of leaves: one flat float32 vector
 * `[gradients | batch-norm statistics × samples | sums | samples]`, so that reducing is nothing but adding vectors.
 * Gradients lie as `manifest.trainable`, statistics as `manifest.movingStatistics` (mean, biased variance), sums as
 * `manifest.sums`. The last number counts the samples.
 */
export interface ContributionLayout {
  readonly length: number;
  readonly statisticsOffset: number;
  readonly sumsOffset: number;
  /** Names of the sums, in order. */
  readonly sums: readonly string[];
}

export function contributionLayout(manifest: ModelManifest): ContributionLayout {
  const sumsOffset = manifest.trainableSize + manifest.movingStatisticsSize;
  const { sums, trainableSize: statisticsOffset } = manifest;
  return { statisticsOffset, sumsOffset, sums, length: sumsOffset + sums.length + 1 };
}

/** Memory for a leaf, in zeros, with room before it for the header of the message that carries it. */
export function newContribution(manifest: ModelManifest): Float32Array<ArrayBuffer> {
  const { length } = contributionLayout(manifest);
  const { buffer, byteOffset } = allocatePayload(4 * length);
  return new Float32Array(buffer, byteOffset, length);
}

/** One of the sums of a leaf or node. @throws RangeError if the model reports none of this name */
export function sumOf(vector: Float32Array, { sums, sumsOffset, length }: ContributionLayout, name: string): number {
  const index = sums.indexOf(name);
  if (index < 0) throw new RangeError(`the model reports no ${name}`);
  return numberAt(vector, sumsOffset + index, length);
}

/** The samples summed up in a leaf or node. */
export function samplesOf(vector: Float32Array, { length }: ContributionLayout): number {
  return numberAt(vector, length - 1, length);
}

function numberAt(vector: Float32Array, index: number, length: number): number {
  const value = vector[index];
  if (value === undefined) throw new RangeError(`a leaf of ${length} numbers was expected, got ${vector.length}`);
  return value;
}

/** A part of a leaf under the name of the output of `trainingStep` that belongs there; shares the leaf's memory. */
export interface ContributionPart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The parts of a leaf: gradients, batch statistics (to be multiplied by the number of samples) and sums. */
export function contributionParts(leaf: Float32Array, manifest: ModelManifest): ContributionPart[] {
  const { statisticsOffset, sumsOffset } = contributionLayout(manifest);
  const statistics = leaf.subarray(statisticsOffset, sumsOffset);
  return [
    ...manifest.trainable.map((parameter) => {
      return { name: gradientName(parameter.name), shape: parameter.shape, values: viewOf(leaf, parameter) };
    }),
    ...manifest.movingStatistics.map((parameter) => {
      return { name: parameter.name, shape: parameter.shape, values: viewOf(statistics, parameter) };
    }),
    ...manifest.sums.map((name, i) => {
      return { name, shape: [], values: leaf.subarray(sumsOffset + i, sumsOffset + i + 1) };
    }),
  ];
}

/** Completes a leaf whose parts hold the outputs of `trainingStep`: statistics become sums, and the samples are counted. */
export function completeContribution(leaf: Float32Array, manifest: ModelManifest, samples: number): void {
  const { statisticsOffset, sumsOffset, length } = contributionLayout(manifest);
  for (let i = statisticsOffset; i < sumsOffset; i++) leaf[i] = (leaf[i] as number) * samples;
  leaf[length - 1] = samples;
}

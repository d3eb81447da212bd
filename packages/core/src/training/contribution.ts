import {
  gradientName,
  networkOf,
  viewOf,
  type ModelManifest,
  type PhaseManifest,
  type Section,
} from '../model/manifest.ts';
import { allocatePayload } from '../protocol/frame.ts';

/**
 * The layout of a contribution, the result of one batch in a phase, and of every sum of contributions: one flat float32 vector
 * `[gradients | batch-norm statistics × samples | sums | samples]`, so that reducing is nothing but adding vectors. Gradients
 * and statistics (mean, biased variance) are those of the networks that the phase updates, in the manifest's order. The last
 * number counts the samples.
 */
export interface ContributionLayout {
  readonly length: number;
  /** By network that the phase updates. */
  readonly gradients: Readonly<Record<string, Section>>;
  readonly statistics: Readonly<Record<string, Section>>;
  /** By name, one number each. */
  readonly sums: Readonly<Record<string, Section>>;
  readonly samples: Section;
}

/** The layout of a phase's contributions. */
export function contributionLayout(manifest: ModelManifest, phase: PhaseManifest): ContributionLayout {
  let length = 0;
  const section = (size: number): Section => {
    const offset = length;
    length += size;
    return { offset, size };
  };
  const networks = manifest.networks.filter(({ name }) => phase.updates.includes(name));
  const gradients = Object.fromEntries(networks.map(({ name, weights }) => [name, section(weights.size)]));
  const statistics = Object.fromEntries(networks.map(({ name, statistics: { size } }) => [name, section(size)]));
  const sums = Object.fromEntries(phase.sums.map((name) => [name, section(1)]));
  const samples = section(1);
  return { length, gradients, statistics, sums, samples };
}

/** Memory for a phase's contribution, in zeros, with room before it for the header of the message that carries it. */
export function newContribution(manifest: ModelManifest, phase: PhaseManifest): Float32Array<ArrayBuffer> {
  return newVector(contributionLayout(manifest, phase).length);
}

/** Memory for so many numbers, in zeros, with room before it for the header of the message that carries them. */
export function newVector(length: number): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset } = allocatePayload(4 * length);
  return new Float32Array(buffer, byteOffset, length);
}

/** The one number of a section. @throws RangeError if the vector is too short */
export function numberIn(vector: Float32Array, { offset }: Section): number {
  const value = vector[offset];
  if (value === undefined) throw new RangeError(`more than ${vector.length} numbers were expected`);
  return value;
}

/** A part of a contribution under the name of the output of `runPhase` that belongs there; shares its memory. */
export interface ContributionPart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The parts of a contribution: gradients, batch statistics (to be multiplied by the number of samples) and sums. */
export function contributionParts(
  contribution: Float32Array,
  manifest: ModelManifest,
  phase: PhaseManifest,
): ContributionPart[] {
  const layout = contributionLayout(manifest, phase);
  const parts = (
    list: ModelManifest['trainable'],
    sections: Readonly<Record<string, Section>>,
    of: 'weights' | 'statistics',
  ) =>
    manifest.networks.flatMap((network) => {
      const section = sections[network.name];
      if (!section) return [];
      return list
        .filter((parameter) => networkOf(parameter) === network.name)
        .map(({ name, shape, offset, size }) => ({
          name: of === 'weights' ? gradientName(name) : name,
          shape,
          values: viewOf(contribution, { offset: section.offset + offset - network[of].offset, size }),
        }));
    });
  return [
    ...parts(manifest.trainable, layout.gradients, 'weights'),
    ...parts(manifest.movingStatistics, layout.statistics, 'statistics'),
    ...Object.entries(layout.sums).map(([name, section]) => ({
      name,
      shape: [],
      values: viewOf(contribution, section),
    })),
  ];
}

/** Completes a contribution whose parts hold what `runPhase` gives: statistics become sums, and the samples are counted. */
export function completeContribution(
  contribution: Float32Array,
  manifest: ModelManifest,
  phase: PhaseManifest,
  samples: number,
): void {
  const layout = contributionLayout(manifest, phase);
  for (const { offset, size } of Object.values(layout.statistics)) {
    for (let i = offset; i < offset + size; i++) contribution[i] = (contribution[i] as number) * samples;
  }
  contribution[layout.samples.offset] = samples;
}

import { networkNamed, type ModelManifest, type PhaseManifest, type Section } from '../model/manifest.ts';
import { optimizerOf } from '../optimizers/optimizer.ts';
import type { Recipe } from '../training/apply-gradients.ts';
import { specOf } from '../training/training-state.ts';
import type { VectorShape } from '../training/training-spec.ts';

/** A moment that replicas go on with, and that is averaged with the weights. */
interface CarriedMoment {
  readonly network: string;
  readonly name: string;
  /** Whether its roots travel in its place. */
  readonly asRoots: boolean;
  readonly section: Section;
}

/** Where a replica starts from: `[weights | moments | moving statistics]`. */
export interface ReplicaLayout extends VectorShape {
  /** As `manifest.trainable`. */
  readonly weights: Section;
  readonly moments: readonly CarriedMoment[];
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Section;
}

/** What a replica reports of one phase in one of its steps, one number each, summed up over the phase's batches. */
interface PhaseReportLayout {
  readonly phase: PhaseManifest;
  /** By name: sums over the samples. */
  readonly sums: Readonly<Record<string, Section>>;
  /** By network that the phase updates: norm of the replica's mean gradient × samples. */
  readonly norms: Readonly<Record<string, Section>>;
  readonly samples: Section;
}

/**
 * What a replica contributes: `[differences × samples | reports of each step | samples]`. The differences are those between where it
 * ends and where it started, laid out as that; a sum of contributions divided by its samples is the mean over replicas.
 */
export interface LocalContributionLayout extends VectorShape {
  /** For each step that a round has at most, for each phase. */
  readonly reports: readonly (readonly PhaseReportLayout[])[];
  readonly samples: Section;
}

/** The layout of what local steps start from. */
export function replicaLayout({ manifest, optimizers }: Recipe): ReplicaLayout {
  const section = sections();
  const weights = section(manifest.trainableSize);
  const moments = manifest.networks.flatMap(({ name: network, weights: { size } }) =>
    Object.entries(optimizerOf(specOf(optimizers, network)).moments).flatMap(([name, kind]) => {
      return kind === 'fresh' ? [] : [{ network, name, asRoots: kind === 'averagedRoots', section: section(size) }];
    }),
  );
  const { offset: compact } = section(0);
  const movingStatistics = section(manifest.movingStatisticsSize);
  const { offset: length } = section(0);
  return { weights, moments, movingStatistics, compact, length };
}

/** The layout of a replica's contribution. @param steps that a round has at most */
export function localContributionLayout(recipe: Recipe, steps: number): LocalContributionLayout {
  const { length: differences, compact } = replicaLayout(recipe);
  const section = sections();
  section(differences);
  const one = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, section(1)]));
  const reports = Array.from({ length: steps }, () =>
    recipe.manifest.phases.map((phase) => ({
      phase,
      sums: one(phase.sums),
      norms: one(updatedBy(phase, recipe.manifest)),
      samples: section(1),
    })),
  );
  const samples = section(1);
  const { offset: length } = section(0);
  return { reports, samples, compact, length };
}

function updatedBy({ updates }: PhaseManifest, manifest: ModelManifest): string[] {
  return updates.map((name) => networkNamed(manifest, name).name);
}

/** Hands out one section after the other. */
function sections(): (size: number) => Section {
  let next = 0;
  return (size) => {
    const offset = next;
    next += size;
    return { offset, size };
  };
}

import { GantryError, type BatchInputs } from '@gantry/core';

/** How an engine finds what it has made of a program. */
export function variantKey(phase: string, samples: number): string {
  return `${phase}/${samples}`;
}

/**
 * What an engine has made of a run's program for a batch.
 * @param variants by `variantKey`
 * @throws GantryError E_ENGINE if the run has no such batches
 */
export function variantFor<T>(variants: ReadonlyMap<string, T>, { phase, samples }: BatchInputs): T {
  const variant = variants.get(variantKey(phase.name, samples));
  if (variant !== undefined) return variant;
  throw new GantryError(
    'E_ENGINE',
    `a shard of ${samples} samples for ${phase.name} came; this run has ${[...variants.keys()].join(', ')}`,
  );
}

import { GantryError } from '@gantry/core';

/**
 * What an engine has made of a run's program for shards of so many samples.
 * @throws GantryError E_ENGINE if the run has no such shards
 */
export function variantFor<T>(variants: ReadonlyMap<number, T>, samples: number): T {
  const variant = variants.get(samples);
  if (variant !== undefined) return variant;
  throw new GantryError(
    'E_ENGINE',
    `a shard of ${samples} samples came; this run has ${[...variants.keys()].join(', ')}`,
  );
}

import { GantryError, type TrainConfig } from '@gantry/core';
import type { DataSet, HeldOut } from './data-set.ts';

/** Training images between two evaluations, at least, where nothing was said of it: those of MNIST. Evaluating takes seconds. */
const IMAGES_PER_EVALUATION = 60_000;

/** Epochs between two evaluations. Where nothing was said of them, only digits are judged, of which there is a classifier. */
export function evaluateEvery(config: TrainConfig, { isMnist, images }: DataSet): number {
  return config.evaluateEvery ?? (isMnist ? Math.ceil(IMAGES_PER_EVALUATION / images.count) : 0);
}

/**
 * The test images that evaluations compare with. Without evaluations, none are looked for.
 * @param recorded sha256 of those that the run was evaluated with
 * @throws GantryError E_DATASET if they are damaged, E_RESUME if they are others
 */
export async function heldOutOf(data: DataSet, config: TrainConfig, recorded?: string): Promise<HeldOut | undefined> {
  if (evaluateEvery(config, data) === 0) return undefined;
  const heldOut = await data.heldOut();
  if (recorded === undefined || recorded === heldOut?.sha256) return heldOut;
  const problem = heldOut
    ? `${heldOut.source}: these are not the test images`
    : `${data.source}: beside it are no test images`;
  throw new GantryError(
    'E_RESUME',
    `${problem} that the run was evaluated with; restore them, or go on with --evaluate-every 0`,
  );
}

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError, fromBest, type EpochEvaluation } from '@gantry/core';
import { checkpointAt } from '../storage/checkpoint-store.ts';
import { readLines } from '../storage/json-lines.ts';

/**
 * The directory of a run's best checkpoint, by its evaluations: the best of those that are still there.
 * @throws GantryError E_CHECKPOINT if no epoch was evaluated, or none of those has its checkpoint
 */
export async function bestCheckpoint(run: string): Promise<string> {
  const lines: EpochEvaluation[] = [];
  for await (const line of readLines<EpochEvaluation>(join(run, 'evaluations.jsonl'))) lines.push(line);
  for (const { step } of fromBest(lines)) {
    const directory = checkpointAt(run, step);
    const isThere = await stat(directory).then(
      () => true,
      () => false,
    );
    if (isThere) return directory;
  }
  const why =
    lines.length === 0 ? 'none of its epochs was evaluated' : 'the checkpoints of its evaluated epochs are gone';
  throw new GantryError('E_CHECKPOINT', `${run} has no best checkpoint: ${why}`);
}

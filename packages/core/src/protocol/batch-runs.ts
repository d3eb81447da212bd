import type { Batch } from '../training/unit.ts';
import type { MessageOf } from './messages.ts';

type BatchRun = MessageOf<'assign'>['batches'][number];

/** A unit's batches as `assign` carries them: hundreds that follow one another are one run. @param perStep batches of a step */
export function batchRuns(batches: readonly Batch[], perStep: number): BatchRun[] {
  const runs: BatchRun[] = [];
  let next: Batch | undefined;
  for (const batch of batches) {
    const last = runs.at(-1);
    if (last && next && isSame(next, batch)) last.count = (last.count ?? 1) + 1;
    else runs.push({ ...batch });
    next = following(batch, perStep);
  }
  return runs;
}

/** The batches of runs. */
export function batchesOf(runs: readonly BatchRun[], perStep: number): Batch[] {
  return runs.flatMap(({ count = 1, ...first }) => {
    const batches: Batch[] = [first];
    for (let i = 1; i < count; i++) batches.push(following(batches[i - 1] ?? first, perStep));
    return batches;
  });
}

/** Samples of all batches of runs. */
export function samplesInRuns(runs: readonly BatchRun[]): number {
  return runs.reduce((sum, { samples, count = 1 }) => sum + samples * count, 0);
}

function following({ step, iteration, first, samples }: Batch, perStep: number): Batch {
  const isLast = iteration + 1 === perStep;
  return { step: isLast ? step + 1 : step, iteration: isLast ? 0 : iteration + 1, first, samples };
}

function isSame(a: Batch, b: Batch): boolean {
  return a.step === b.step && a.iteration === b.iteration && a.first === b.first && a.samples === b.samples;
}

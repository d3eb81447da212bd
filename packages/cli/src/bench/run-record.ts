import { existsSync, readFileSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetricsLine } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';

const METRICS = 'metrics.jsonl';

/** The steps that a run has recorded so far. */
function stepsOf(run: string): MetricsLine[] {
  const file = join(run, METRICS);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const complete = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return complete.filter((line) => line !== '').map((line) => JSON.parse(line) as MetricsLine);
}

export interface Wait {
  /** What is waited for, for the message. */
  readonly what: string;
  readonly limitMs: number;
  /** Aborted if it will not come any more, with the reason. */
  readonly signal: AbortSignal;
}

/**
 * Waits until the steps of a run fit; they are looked at whenever one is recorded.
 * @throws the signal's reason, or GantryError E_TIMEOUT
 */
export async function stepsWhen(
  run: string,
  fits: (steps: readonly MetricsLine[]) => boolean,
  { what, limitMs, signal }: Wait,
): Promise<MetricsLine[]> {
  const late = AbortSignal.timeout(limitMs);
  try {
    let steps = stepsOf(run);
    if (fits(steps)) return steps;
    // A step recorded before the watching begins is found with the next one: more are always to come.
    for await (const { filename } of watch(run, { signal: AbortSignal.any([signal, late]) })) {
      if (filename !== METRICS) continue;
      steps = stepsOf(run);
      if (fits(steps)) return steps;
    }
    throw new Error(`${run} is not watched any more`);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new GantryError('E_TIMEOUT', `${what}: not within ${limitMs / 1000} s`, { cause: error });
    throw error;
  }
}

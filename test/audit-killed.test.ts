import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricsLine } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import { digestOf, gantryOk, readJson, readJsonLines, trainedDigest } from './support/gantry.ts';
import { AUDITED_RUN, eventsOf, trainWithLiar } from './support/lying-run.ts';
import { isProvided } from './support/requirements.ts';
import { killAtCall, straceExists } from './support/strace.ts';
import { TINY_DATA } from './support/tiny.ts';

const hasStrace = isProvided('strace', straceExists);
/** Lies count for a while, before one of so many is found. */
const AUDITING = ['--audit', '0.05'];
/** A liar may be caught before its first lie counts: so often in a row, it hardly is. */
const TRIES = 6;

interface RunJson {
  readonly goingBackTo?: number;
}

/** A run that was killed as it went back, when it cut one of its files. */
async function killedGoingBack(file: string): Promise<string> {
  for (let i = 0; i < TRIES; i++) {
    const starter = (path: string) => killAtCall('ftruncate', join(path, file));
    const { path } = await trainWithLiar({ honest: 2, auditing: AUDITING, starter });
    if (!existsSync(join(path, 'summary.json'))) return path;
  }
  throw new Error(`it was caught at its first lie ${TRIES} times`);
}

it.skipIf(!hasStrace).each(['metrics.jsonl', 'events.jsonl'])(
  `killed while it goes back, at %s, a run goes back when it is resumed${hasStrace ? '' : ' (skipped: strace is absent)'}`,
  async (file) => {
    const path = await killedGoingBack(file);
    const { goingBackTo } = readJson<RunJson>(path, 'run.json');
    expect(goingBackTo).toBeTypeOf('number');
    await gantryOk('train', '--resume', ...TINY_DATA, '--workers', '1', '--run', path);
    expect(eventsOf(path, 'resumed')[0]?.step).toBeLessThanOrEqual(goingBackTo ?? NaN);
    expect(readFileSync(join(path, 'run.json'), 'utf8')).not.toContain('goingBackTo');
    const steps = readJsonLines<MetricsLine>(path, 'metrics.jsonl').map(({ step }) => step);
    expect(steps).toEqual(Array.from(steps, (_, i) => i + 1));
    expect(digestOf(path)).toBe(await trainedDigest(...AUDITED_RUN, '--workers', '0'));
  },
);

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Gantry,
  digestOf,
  lineCount,
  readToken,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { ShellJob } from './support/shell-job.ts';
import { TINY } from './support/tiny.ts';

/** An epoch of two steps in two shards each. */
const SIZES = [...TINY, '--limit', '32', '--batch', '16', '--shard-size', '8'];
const RUN = [...SIZES, '--epochs', '1'];
/** Far more epochs than there will be. */
const ENDLESS = [...SIZES, '--epochs', '100000'];
const words = (options: readonly string[]) => options.map((word) => `'${word}'`).join(' ');
const stepsOf = (run: string) => lineCount(run, 'metrics.jsonl');

/** What a process leaves that was ended in the middle. */
const locksIn = (run: string) => readdirSync(run).filter((name) => name.startsWith('.lock'));
const checkpointsIn = (run: string) => readdirSync(join(run, 'checkpoints')).toSorted();

describe('what nobody reads ends no command', () => {
  let undisturbed: string;
  beforeAll(async () => {
    undisturbed = await trainedDigest(...RUN, '--workers', '0');
  });

  it.each([
    ['the log, of which head has seen enough', '2>&1 | head -n 2', ''],
    ['the result, and all else', '2>&1 | true', '--json'],
  ])('%s', async (_, pipe, options) => {
    const job = new ShellJob(`{ noting gantry train ${words(RUN)} --workers 1 --run run ${options}; } ${pipe}`);
    expect(await job.finished).toBe(0);
    expect(await job.noted()).toBe(0);
    const run = join(job.directory, 'run');
    expect(digestOf(run)).toBe(undisturbed);
    expect(locksIn(run)).toEqual([]);
    const drawing = new ShellJob(`{ noting gantry generate '${run}' ${options}; } ${pipe}`);
    expect(await drawing.finished).toBe(0);
    expect(await drawing.noted()).toBe(0);
    expect(readdirSync(drawing.directory)).toContain('grid.png');
  });

  it("a worker's log", async () => {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', run]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    await coordinator.output(/dashboard: /);
    const token = readToken(run);
    const job = new ShellJob(`{ noting gantry worker ${url} --threads 1; } 2>&1 | true`, { GANTRY_TOKEN: token });
    expect((await coordinator.finished).code).toBe(0);
    expect(await job.noted()).toBe(0);
    expect(digestOf(run)).toBe(undisturbed);
  });

  it.each([
    ['SIGINT', 130, 'train --workers 1'],
    ['SIGTERM', 143, 'train --workers 0'],
  ] as const)(
    '%s to a whole pipeline stops the run with a checkpoint and exit code %d: %s',
    async (signal, code, how) => {
      // The shell of the command outlives the signal, to note the exit code; tee does not.
      const job = new ShellJob(
        `{ trap : INT TERM; noting gantry ${how} ${words(ENDLESS)} --run run --checkpoint-every 100000; } 2>&1 | tee log`,
      );
      const run = join(job.directory, 'run');
      await whenFiles(() => stepsOf(run) >= 3);
      job.signal(signal);
      expect(await job.noted()).toBe(code);
      expect(checkpointsIn(run)).toContain(`step-${String(stepsOf(run)).padStart(8, '0')}`);
      expect(locksIn(run)).toEqual([]);
    },
  );
});

const hasFullDisk = isProvided('/dev/full', () => existsSync('/dev/full'));
it.skipIf(!hasFullDisk)(
  `a result that fits nowhere is an error${hasFullDisk ? '' : ' (skipped: no /dev/full)'}`,
  async () => {
    const job = new ShellJob(`noting gantry train ${words(RUN)} --workers 0 --run run --json >/dev/full 2>log`);
    expect(await job.finished).toBe(0);
    expect(await job.noted()).toBe(1);
    const log = readFileSync(join(job.directory, 'log'), 'utf8');
    expect(log).toMatch(/^gantry: cannot write to standard output: .*ENOSPC.*$/m);
    expect(locksIn(join(job.directory, 'run'))).toEqual([]);
  },
);

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { hasCCompiler } from './support/c-compiler.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, gantryOk, readJsonLines, temporaryDirectory } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const SIZES = [...TINY, '--limit', '32', '--batch', '16', '--shard-size', '8'];
const newRun = () => join(temporaryDirectory(), 'run');
const eventsOf = (run: string) => readJsonLines<RecordedEvent>(run, 'events.jsonl');
const waitsOf = (run: string) => eventsOf(run).filter(({ type }) => type === 'waiting' || type === 'stall');

const canCompile = isProvided('cc', hasCCompiler);

describe('a run without workers says what it waits for', () => {
  it.skipIf(!canCompile)(
    `for its own to compile${canCompile ? '' : ' (skipped: there is no C compiler)'}`,
    async () => {
      const directory = temporaryDirectory();
      const [compiler, go, run] = ['cc', 'go', 'run'].map((name) => join(directory, name)) as [string, string, string];
      // Workers of the run alone have an identity; what is compiled to try the compiler, they find in the cache.
      const hold = `case "$*" in *-shared*) [ -z "$GANTRY_IDENTITY" ] || until [ -e '${go}' ]; do sleep 0.1; done;; esac`;
      writeFileSync(compiler, `#!/bin/sh\n${hold}\nexec cc "$@"\n`);
      chmodSync(compiler, 0o755);
      const env = { CC: compiler, XDG_CACHE_HOME: directory };
      const training = new Gantry(['train', ...SIZES, '--epochs', '1', '--workers', '1', '--run', run], env);
      await training.output(/^waiting: local-1 compiles the model$/m);
      const { stalls, run: watched } = await (await Dashboard.of(training)).watch().next();
      expect([watched.state, stalls]).toEqual(['waiting', []]);
      writeFileSync(go, '');
      const { code, stderr } = await training.finished;
      expect(code, stderr).toBe(0);
      expect(stderr).not.toMatch(/stalled|attach (one|more)/);
    },
  );

  it('for somebody to join, and says where; and so when the last one has left', async () => {
    const run = newRun();
    const options = [...SIZES, '--epochs', '5000', '--listen', '127.0.0.1:0', '--run', run];
    const coordinator = new Gantry(['coordinator', ...options]);
    const dashboard = await Dashboard.of(coordinator);
    const said = /^waiting: no worker has joined yet; (attach one with: npx --yes \S+ (ws:\S+))$/m;
    const [, remedy = '', url = ''] = await coordinator.output(said);
    expect((await dashboard.watch().next()).stalls).toEqual([{ cause: 'no worker has joined yet', remedy }]);

    const worker = new Gantry(['worker', url, '--threads', '1']);
    await coordinator.output(/ joined: /);
    worker.process.kill('SIGTERM');
    expect((await worker.finished).code).toBe(0);
    await coordinator.output(/^waiting: no worker is left; attach one with: npx --yes /m);
    coordinator.process.kill('SIGTERM');
    expect((await coordinator.finished).code).toBe(143);
    expect(
      waitsOf(run)
        .filter(({ remedy: told }) => told === remedy)
        .map(({ cause }) => cause),
    ).toEqual(['no worker has joined yet', 'no worker is left']);
    expect(eventsOf(run).filter(({ type }) => type === 'stall')).toEqual([]);
  });

  it('for nothing where its own workers were sent away: how they come back', async () => {
    const run = newRun();
    const training = new Gantry(['train', ...SIZES, '--epochs', '5000', '--workers', '1', '--run', run]);
    const dashboard = await Dashboard.of(training);
    await training.output(/ joined: /);
    expect(await dashboard.control({ action: 'drop', worker: 'local-1' })).toMatchObject({ ok: true });
    await training.output(/^waiting: no worker is left; stop the run and resume it: that starts its workers again$/m);
    training.process.kill('SIGTERM');
    expect((await training.finished).code).toBe(143);
    const again = new Gantry(['train', ...TINY_DATA, '--resume', '--run', run, '--workers', '1']);
    await again.output(/ joined: /);
    again.process.kill('SIGTERM');
    expect((await again.finished).code).toBe(143);
  });
});

describe('the plan as it is told', () => {
  const told = async (...sizes: string[]) => {
    const { stderr } = await gantryOk('train', ...TINY, ...sizes, '--epochs', '1', '--workers', '0', '--run', newRun());
    return stderr.split('\n').filter((line) => /^\d+ images|^a (batch|shard) of/.test(line));
  };

  it('is that of the steps, where batch and shards are more than there is', async () => {
    expect(await told('--limit', '32', '--batch', '64', '--shard-size', '128')).toEqual([
      '32 images, 1 epoch of 1 step, global batch 32 in one shard',
      'a batch of 64 is more than the 32 images: each step takes all of them',
      'a shard of 128 is more than a batch of 32: each step is one shard, for one worker',
    ]);
    expect(await told('--limit', '32', '--batch', '16', '--shard-size', '8')).toEqual([
      '32 images, 1 epoch of 2 steps, global batch 16 in shards of 8',
    ]);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { initialState, type DataPlan } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointStore } from './checkpoint-store.ts';
import { RunDirectory } from './run-directory.ts';

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0;
}

function canMount(): boolean {
  const point = mkdtempSync(join(os.tmpdir(), 'gantry-mount-'));
  const isMounted = mount('-t', 'tmpfs', 'tmpfs', point);
  if (isMounted) spawnSync('umount', [point]);
  rmdirSync(point);
  return isMounted;
}

async function fill(file: string): Promise<void> {
  await expect(writeFile(file, Buffer.alloc(64 << 20))).rejects.toThrow(/ENOSPC/);
}

/** What an error of a full disk looks like. */
function diskFull(name: string) {
  const message: unknown = expect.stringMatching(
    new RegExp(`^cannot write \\S*${name}: the disk is full; [^\n]*--resume$`),
  );
  return { code: 'E_RUN_DIRECTORY', message };
}

/** The steps of a file of whole lines. */
async function stepsOf(file: string): Promise<number[]> {
  const text = await readFile(file, 'utf8');
  expect(text.endsWith('}\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { step }: { step: number } = JSON.parse(line);
      return step;
    });
}

/** GANTRY_REQUIRE lists what must not be skipped, separated by commas. */
const isRequired = (process.env['GANTRY_REQUIRE'] ?? '').split(',').includes('mount');
const isSkipped = !isRequired && !canMount();

describe.skipIf(isSkipped)(`a small disk${isSkipped ? ' (skipped: mounting is not permitted)' : ''}`, () => {
  let disk: string;
  beforeEach(async () => {
    disk = await mkdtemp(join(os.tmpdir(), 'gantry-disk-'));
  });
  afterEach(async () => {
    // Lazily: a test that failed may have left files open.
    expect(spawnSync('umount', ['--lazy', disk], { encoding: 'utf8' }).stderr).toBe('');
    await rmdir(disk);
  });

  function mountSmall(size: string): void {
    expect(mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk), 'mount a tmpfs').toBe(true);
  }

  test('that is full: appending and replacing fail in one line, and leave what was there', async () => {
    mountSmall('1m');
    const run = await RunDirectory.create(join(disk, 'run'), { created: 'now' });
    const file = (name: string) => join(run.path, name);
    await run.writeSummary({ steps: 1 });
    run.appendEvent({ step: 0, type: 'started' });
    await fill(join(disk, 'ballast'));

    // Within the page that the file has already, appending goes on for a while.
    const note = 'x'.repeat(300);
    let appended = 1;
    let failure: unknown;
    while (failure === undefined && appended < 1000) {
      try {
        run.appendEvent({ step: appended, type: 'diverged', cause: note });
        appended++;
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toMatchObject(diskFull('events.jsonl'));
    expect(await stepsOf(file('events.jsonl'))).toEqual(Array.from({ length: appended }, (_, step) => step));

    await expect(run.writeSummary({ steps: 2, note })).rejects.toMatchObject(diskFull('summary.json'));
    await expect(run.writeSample(1, new Uint8Array(9000))).rejects.toMatchObject(diskFull('epoch-0001.png|samples'));
    expect(JSON.parse(await readFile(file('summary.json'), 'utf8'))).toEqual({ steps: 1 });

    await rm(join(disk, 'ballast'));
    run.appendEvent({ step: appended, type: 'checkpoint' });
    await run.writeSummary({ steps: 2 });
    expect(await stepsOf(file('events.jsonl'))).toHaveLength(appended + 1);
    expect(JSON.parse(await readFile(file('summary.json'), 'utf8'))).toEqual({ steps: 2 });
    expect((await readdir(run.path)).filter((name) => name.startsWith('.tmp'))).toEqual([]);
    await run.close();
  });

  test('that has no room for a checkpoint keeps those before, and room for lines', async () => {
    // Each takes 31 MB.
    mountSmall('70m');
    const manifest = modelManifest();
    const plan: DataPlan = { images: 10, epochs: 5, batch: 5, shardSize: 5 };
    const run = await RunDirectory.create(join(disk, 'run'), {});
    const store = await CheckpointStore.open(run.path, manifest);
    const state = initialState(manifest, 1);
    for (state.step = 1; state.step <= 2; state.step++) await store.save(state, plan);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(store.save(state, plan)).rejects.toMatchObject(diskFull('step-00000003'));
    }
    expect((await readdir(join(run.path, 'checkpoints'))).toSorted()).toEqual(['step-00000001', 'step-00000002']);
    const restored = await (await CheckpointStore.open(run.path, manifest)).restore();
    expect(restored).toMatchObject({ skipped: [], state: { step: 2 } });
    run.appendEvent({ step: 2, type: 'checkpoint' });
    await run.close();
  });

  test('that is read-only is refused in one line', async () => {
    mountSmall('1m');
    await (await RunDirectory.create(join(disk, 'run'), {})).close();
    await mkdir(join(disk, 'empty'));
    expect(mount('-o', 'remount,ro', disk)).toBe(true);
    const oneLine = {
      code: 'E_RUN_DIRECTORY',
      message: expect.stringMatching(/^cannot write [^\n]*: the file system is read-only( or takes no directories)?$/),
    };
    await expect(RunDirectory.open(join(disk, 'run'))).rejects.toMatchObject(oneLine);
    await expect(RunDirectory.create(join(disk, 'empty'), {})).rejects.toMatchObject(oneLine);
    await expect(RunDirectory.create(join(disk, 'new'), {})).rejects.toMatchObject(oneLine);
    await expect(CheckpointStore.open(join(disk, 'run'), modelManifest('tiny'))).rejects.toMatchObject(oneLine);
  });
});

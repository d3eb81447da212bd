import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RunDirectory } from '../storage/run-directory.ts';
import { doSteps, eventLine, watchedRun } from '../testing/watched.ts';

const MANY = 1000;

test('a numeric class that computed something is remembered, whatever happens afterwards', () => {
  const { watch } = watchedRun();
  expect(watch.present().run.numericClasses).toEqual([]);
  doSteps(watch, 1, 100);
  for (let i = 0; i < MANY; i++) watch.happened(eventLine(100));
  expect(watch.snapshot().run.numericClasses).toEqual(['a1']);
});

test('after a resume, the classes of all who joined before count', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'gantry-watch-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const directory = await RunDirectory.create(join(parent, 'run'), {});
  onTestFinished(() => directory.close());
  const numericClass = 'native-1';
  for (const worker of ['ada', 'bob']) {
    directory.appendEvent({
      step: 0,
      type: 'joined',
      worker,
      engine: 'onnx',
      device: 'cpu',
      class: numericClass,
      slots: 1,
    });
  }
  for (let i = 0; i < MANY; i++) directory.appendEvent({ step: 0, type: 'checkpoint' });
  await directory.flush();
  const { watch } = watchedRun();
  await watch.load(directory);
  doSteps(watch, 1);
  expect(watch.present().run.numericClasses).toEqual(['native-1', 'a1']);
  expect(watch.snapshot().events.some(({ type }) => type === 'joined')).toBe(false);
});

import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import { Gantry, lineCount, readJsonLines, temporaryDirectory, whenFiles } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

it('says once that there are more workers than shards', async () => {
  const directory = temporaryDirectory();
  const run = join(directory, 'run');
  const sizes = [...TINY, '--epochs', '100000', '--limit', '48', '--batch', '16', '--shard-size', '8'];
  const training = new Gantry(['train', '--workers', '3', ...sizes, '--run', run]);
  const message = '3 workers, 2 shards: 1 idle; raise --batch or lower --shard-size';
  await training.output(new RegExp(`^warning: ${message}$`, 'm'));
  const steps = lineCount(run, 'metrics.jsonl');
  await whenFiles(() => lineCount(run, 'metrics.jsonl') >= steps + 5);
  training.process.kill('SIGINT');
  expect((await training.finished).stderr.split(message)).toHaveLength(2);
  const events = readJsonLines<RecordedEvent>(run, 'events.jsonl').filter(({ type }) => type === 'workers-idle');
  expect(events.map(({ cause }) => cause)).toEqual([message]);
});

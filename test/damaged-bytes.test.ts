import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import { freePort } from './chaos/free-port.ts';
import { SlowLink } from './chaos/slow-link.ts';
import {
  Gantry,
  digestOf,
  gantryOk,
  lineCount,
  readJsonLines,
  readToken,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Epochs of 64 steps. */
const RUN = [...TINY, '--seed', '7', '--batch', '16', '--shard-size', '8'];
const STEPS_PER_EPOCH = 64;
const FLIPS = 12;

it('a bit that changes on its way is noticed, and changes nothing', async () => {
  const run = join(temporaryDirectory(), 'run');
  const port = await freePort();
  const link = await SlowLink.open(port);
  const addresses = ['--listen', `127.0.0.1:${port}`, '--allow-host', `127.0.0.1:${link.port}`];
  const coordinator = new Gantry(['coordinator', ...RUN, '--epochs', '100000', ...addresses, '--run', run]);
  await coordinator.output(/attach workers with/);
  const token = { GANTRY_TOKEN: readToken(run) };
  const worker = new Gantry(['worker', `ws://127.0.0.1:${link.port}`, '--threads', '1', '--name', 'far'], token);
  const events = (type: string) =>
    readJsonLines<RecordedEvent>(run, 'events.jsonl').filter((each) => each.type === type);

  for (let i = 0; i < FLIPS; i++) {
    const steps = lineCount(run, 'metrics.jsonl');
    await whenFiles(() => lineCount(run, 'metrics.jsonl') > steps);
    const left = events('left').length;
    // Anywhere in a message or around it, in both directions.
    link.flip(i % 2 === 0 ? 'coordinator' : 'worker', i * 7919);
    await whenFiles(() => events('left').length > left);
  }
  expect(link.flipped).toBe(FLIPS);
  expect(events('damaged').length).toBeGreaterThan(0);
  expect(events('invalid')).toEqual([]);
  expect(events('quarantined')).toEqual([]);

  coordinator.process.kill('SIGINT');
  await coordinator.finished;
  worker.process.kill('SIGTERM');
  const epochs = `${Math.ceil(lineCount(run, 'metrics.jsonl') / STEPS_PER_EPOCH) + 1}`;
  await gantryOk('train', '--resume', ...TINY_DATA, '--epochs', epochs, '--workers', '0', '--run', run);
  expect(digestOf(run)).toBe(await trainedDigest(...RUN, '--epochs', epochs, '--workers', '0'));
  link.close();
});

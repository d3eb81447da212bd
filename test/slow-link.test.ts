import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { NetworkCard } from '../bench/support/network-card.ts';
import { freePort } from './chaos/free-port.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, readToken, temporaryDirectory, trainedDigest } from './support/gantry.ts';

const WORKERS = 3;
const STEPS = 7;
/** Seven rounds of a shard for each worker: 2.5 MB to each, and 10 MB in the first one. */
const RUN = ['--seed', '7', '--epochs', '1', '--limit', '336', '--batch', '48', '--shard-size', '16', '--wire', 'int8'];
const LINK = { bitsPerSecond: 200e6, delayMs: 10 };
/** The first one measures the link, and in the others workers may still be late with its weights. */
const FIRST_STEPS = 3;
const UPDATE_BYTES = 2_528_000;
/** What is shorter is no part of weights. */
const PART_BYTES = 16_384;

interface Part {
  readonly connection: number;
  readonly bytes: number;
}

const closed: (() => void)[] = [];
afterEach(() => {
  for (const close of closed.splice(0)) close();
});

/** Of the last `bytes`, how many on average went to one worker before some went to another. */
function meanRun(parts: readonly Part[], bytes: number): number {
  let [sum, runs, last] = [0, 0, -1];
  for (const part of parts.toReversed()) {
    if (sum >= bytes) break;
    sum += part.bytes;
    if (part.connection !== last) runs++;
    last = part.connection;
  }
  return sum / runs;
}

it('workers on one slow link get their weights in turn, and the result is the same', async () => {
  const path = join(temporaryDirectory(), 'run');
  const port = await freePort();
  const parts: Part[] = [];
  const card = await NetworkCard.open(port, {
    ...LINK,
    onData: (connection, direction, { length: bytes }) => {
      if (direction === 'out' && bytes >= PART_BYTES) parts.push({ connection, bytes });
    },
  });
  closed.push(() => card.close());
  const place = ['--run', path, '--listen', `127.0.0.1:${port}`, '--allow-host', `127.0.0.1:${card.port}`];
  const coordinator = new Gantry(['coordinator', ...RUN, ...place, '--exit']);
  const dashboard = await Dashboard.of(coordinator);
  await dashboard.control({ action: 'pause' });
  const work = ['worker', `ws://127.0.0.1:${card.port}`, '--threads', '1'];
  const workers = Array.from({ length: WORKERS }, () => new Gantry(work, { GANTRY_TOKEN: readToken(path) }));
  await dashboard.watch().until((message) => message.workers.length === WORKERS);
  await dashboard.control({ action: 'resume' });
  const { code, stderr } = await coordinator.finished;
  expect(code, stderr).toBe(0);
  await Promise.all(workers.map(({ finished }) => finished));

  const last = (STEPS - FIRST_STEPS) * WORKERS * UPDATE_BYTES;
  // Where two travel together, each has half of it at most.
  expect(meanRun(parts, last)).toBeGreaterThan(0.6 * UPDATE_BYTES);
  expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0'));
});

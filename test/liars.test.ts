import { join } from 'node:path';
import { samplesIn, type RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import {
  Gantry,
  digestOf,
  readJsonLines,
  readToken,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { HostilePeer, type Target } from './support/hostile-peer.ts';
import { TINY } from './support/tiny.ts';

const RUN = [...TINY, '--seed', '7', '--limit', '64', '--batch', '8', '--shard-size', '4', '--epochs', '4'];

/** Answers whatever it is given with one such number, until it is kept out. */
async function lie(target: Target, name: string, value: number): Promise<void> {
  const peer = await HostilePeer.join(target, name);
  try {
    for (;;) {
      const shard = await peer.next('assign');
      const leaf = new Float32Array(peer.contributionLength).fill(value, 0, 1);
      peer.sendResult(shard.round, shard.index, { samples: samplesIn(shard), leaf });
    }
  } catch {
    // "Policy violation" (RFC 6455, 7.4.1); why is in the events.
    expect((await peer.refusal()).closeCode).toBe(1008);
  }
}

it.each([
  ['NaN', NaN],
  ['finite numbers whose squares are not', 3e38],
])('two names with %s do not end a run: the coordinator computes the shard itself', async (_, value) => {
  const run = join(temporaryDirectory(), 'run');
  const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', run, '--exit']);
  const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
  const target = { url, token: readToken(run) };
  const events = (type: string) =>
    readJsonLines<RecordedEvent>(run, 'events.jsonl').filter((each) => each.type === type);

  await Promise.all(['mallory', 'trudy'].map((name) => lie(target, name, value)));
  await whenFiles(() => events('left').length === 2);
  const honest = new Gantry(['worker', url, '--threads', '1']);
  const { code, stderr } = await coordinator.finished;
  expect(code, stderr).toBe(0);
  expect((await honest.finished).code).toBe(0);

  const names = (type: string) => new Set(events(type).map(({ worker }) => worker));
  expect(names('quarantined')).toEqual(new Set(['mallory', 'trudy']));
  expect(events('overruled').length).toBeGreaterThan(0);
  expect(names('invalid')).toEqual(new Set(['mallory', 'trudy']));
  expect(digestOf(run)).toBe(await trainedDigest(...RUN, '--workers', '0'));
});

import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, readJsonLines, readToken, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { HostilePeer } from './support/hostile-peer.ts';
import { TINY } from './support/tiny.ts';

/** 128 steps of four shards. */
const SHARDS = 4;
const RUN = [...TINY, '--seed', '7', '--batch', '16', '--shard-size', '4', '--epochs', '2'];

describe('workers that answer pings and never a shard', () => {
  it.each([
    [1, 'answer pings'],
    [2, 'answer pings'],
    [5, 'answer pings'],
    [30, 'answer pings'],
    [2, 'read nothing'],
    [30, 'read nothing'],
  ])('hold no run up beside an honest one, and cost their shards once: %i of them that %s', async (count, habit) => {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', run, '--exit']);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const dashboard = await Dashboard.of(coordinator);
    await dashboard.control({ action: 'pause' });
    const honest = new Gantry(['worker', url, '--threads', '1', '--name', 'honest']);
    const hung = Array.from({ length: count }, (_, i) => HostilePeer.join({ url, token: readToken(run) }, `hung-${i}`));
    const peers = await Promise.all(hung);
    await dashboard.watch().until(({ workers }) => workers.length === count + 1);
    if (habit === 'read nothing') for (const peer of peers) peer.stopReading();
    await dashboard.control({ action: 'resume' });

    const { code, stderr } = await coordinator.finished;
    expect(code, stderr).toBe(0);
    expect((await honest.finished).code).toBe(0);
    expect(digestOf(run)).toBe(await trainedDigest(...RUN, '--workers', '0'));
    // Each is given work once, and nothing more as long as it owes that.
    const recomputed = new Set(
      readJsonLines<RecordedEvent>(run, 'events.jsonl')
        .filter(({ type }) => type === 'duplicated' || type === 'requeued')
        .map(({ step, of = step + 1, shard }) => `${String(of)} ${String(shard)}`),
    );
    expect(recomputed.size).toBeLessThanOrEqual(2 * SHARDS + count);
  });
});

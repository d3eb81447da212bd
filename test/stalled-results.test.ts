import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
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
import { HostilePeer } from './support/hostile-peer.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const RUN = [...TINY, '--seed', '7', '--limit', '1014', '--batch', '8', '--shard-size', '4'];
const STEPS_PER_EPOCH = 127;
const PEERS = 60;
/** What they answer pings with is all that comes from them. */
const PIECE_BYTES = 100_000;
const SIGINT_EXIT_CODE = 130;

it('peers that begin a result and never end it are cut off at the deadline, and the run goes on without them', async () => {
  const path = join(temporaryDirectory(), 'run');
  const coordinator = new Gantry([
    'coordinator',
    '--listen',
    '127.0.0.1:0',
    ...RUN,
    '--epochs',
    '100000',
    '--run',
    path,
  ]);
  const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
  const honest = new Gantry(['worker', url, '--threads', '1', '--name', 'honest']);
  const target = { url, token: readToken(path) };
  const peers = await Promise.all(Array.from({ length: PEERS }, (_, i) => HostilePeer.join(target, `stalls ${i}`)));
  await Promise.all(peers.map((peer) => peer.round()));
  await Promise.all(peers.map((peer) => peer.begin(new Uint8Array(PIECE_BYTES))));
  const codes = await Promise.all(peers.map(async (peer) => (await peer.refusal()).code));
  expect([...new Set(codes)]).toEqual(['E_TIMEOUT']);
  const before = lineCount(path, 'metrics.jsonl');
  await whenFiles(() => lineCount(path, 'metrics.jsonl') > before + STEPS_PER_EPOCH);
  const left = readJsonLines<RecordedEvent>(path, 'events.jsonl').filter(({ type }) => type === 'left');
  expect(left).toHaveLength(PEERS);
  coordinator.process.kill('SIGINT');
  const { code, stderr } = await coordinator.finished;
  expect(code, stderr).toBe(SIGINT_EXIT_CODE);
  honest.process.kill('SIGTERM');
  expect((await honest.finished).code).toBe(0);
  // How many steps fit beside that depends on the machine: the epoch that was begun is the last one.
  const epochs = String(Math.ceil(lineCount(path, 'metrics.jsonl') / STEPS_PER_EPOCH));
  const undisturbed = await trainedDigest(...RUN, '--epochs', epochs, '--workers', '0');
  await gantryOk('train', '--resume', ...TINY_DATA, '--epochs', epochs, '--workers', '0', '--run', path);
  expect(digestOf(path)).toBe(undisturbed);
});

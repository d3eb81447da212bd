import net from 'node:net';
import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import { Gantry, digestOf, readJsonLines, readToken, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { upgradeAnswer } from './support/hostile-peer.ts';
import { TINY } from './support/tiny.ts';

/** 254 steps with a checkpoint, of several files, after every tenth. */
const RUN = [...TINY, '--seed', '7', '--epochs', '2', '--limit', '1014', '--batch', '8', '--shard-size', '4'];
const FILES = 200;
const STRANGERS = 300;

/** On Linux, all of 127.0.0.0/8 is this machine: from one address alone, no more than 128 strangers get in. */
const addressOf = (i: number) => (process.platform === 'linux' ? `127.0.0.${2 + (i % 10)}` : '127.0.0.1');

/** Connects, sends what is given and no more. @returns once it is cut off */
async function stranger(port: number, localAddress: string, bytes: string): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress }).resume();
  // A reset is one of the ways to be cut off.
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
}

it.skipIf(process.platform === 'win32')(
  'a run goes on and keeps its checkpoints while more strangers connect than the process may have files',
  async () => {
    const path = join(temporaryDirectory(), 'run');
    const limited = ['sh', '-c', `ulimit -n ${FILES}; exec "$@"`, 'sh', ...GANTRY];
    const options = ['--listen', '127.0.0.1:0', ...RUN, '--checkpoint-every', '10', '--run', path];
    const coordinator = new Gantry(['coordinator', ...options], {}, limited);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const port = Number(new URL(url).port);
    const strangers = Array.from({ length: STRANGERS }, async (_, i) => {
      while (coordinator.process.exitCode === null)
        await stranger(port, addressOf(i), i % 2 === 0 ? '' : 'GET /work HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    });
    // All of them are there before the worker is.
    await stranger(port, '127.0.0.1', 'not HTTP\r\n\r\n');
    const worker = new Gantry(['worker', url, '--threads', '1'], { GANTRY_TOKEN: readToken(path) });
    await worker.output(/joined run/);
    expect(await upgradeAnswer(url, {})).toEqual({ status: 401, code: 'E_AUTH' });
    const { code, stderr } = await coordinator.finished;
    expect(code, stderr).toBe(0);
    expect((await worker.finished).code).toBe(0);
    await Promise.all(strangers);
    expect(stderr).toMatch(/room for \d+ connections: this process may have 200 files open/);
    const left = readJsonLines<RecordedEvent>(path, 'events.jsonl').filter(({ type }) => type === 'left');
    expect(left.map(({ cause }) => cause)).toEqual(['the run is finished']);
    expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0'));
  },
);

import { totalmem } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Gantry, readToken, temporaryDirectory } from './support/gantry.ts';
import { HostilePeer } from './support/hostile-peer.ts';

/** Almost a leaf of the tutorial's model from each. */
const [PEERS, BYTES] = [40, 9_900_000];

const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);

it.skipIf(memoryBytes < 10 * PEERS * BYTES)(
  'workers may all be in the middle of a result at the same time',
  async () => {
    const path = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', '--run', path]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const target = { url, token: readToken(path) };
    const peers = await Promise.all(Array.from({ length: PEERS }, () => HostilePeer.connect(target)));
    await Promise.all(peers.map((peer) => peer.begin(new Uint8Array(BYTES))));
    for (const peer of peers) peer.send(new Uint8Array(1));
    // What they sent was no message: that is what they hear, and nobody that there was no room.
    const codes = await Promise.all(peers.map(async (peer) => (await peer.refusal()).code));
    expect(new Set(codes)).toEqual(new Set(['E_PROTOCOL']));
    coordinator.process.kill('SIGINT');
    await coordinator.finished;
  },
);

import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PROTOCOL_VERSION, RoundShapes, decodeFromCoordinator, encodeFrame, type TrainingSpec } from '@gantry/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ConvolutionChoice } from '../run/convolution-choice.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import { SMALL } from '../testing/checkpoints.ts';
import { prepareDelivery } from './program-delivery.ts';
import { RoundPayloads } from './round-payloads.ts';
import { startServer, type CoordinatorServer } from './server.ts';
import { Uplink } from './uplink.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';
import { WorkerConnection } from './worker-connection.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const MAX_UNFINISHED_BYTES = 16 << 20;
const PART_BYTES = 3 << 20;
const PEERS = 60;
const TRAINING: TrainingSpec = { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: {} };
const WAIT = { timeout: 20_000 };

let server: CoordinatorServer;
let unfinished: UnfinishedMessages;
let refused: string[];
let nowMs: number;
/** What the clock of deadlines goes on with each piece. */
let tickMs: number;
beforeEach(async () => {
  nowMs = 0;
  tickMs = 0;
  refused = [];
  unfinished = new UnfinishedMessages(MAX_UNFINISHED_BYTES, () => (nowMs += tickMs));
  const delivery = prepareDelivery('test', { seed: 7, manifest: SMALL, variants: [], training: TRAINING });
  const context = {
    payloads: new RoundPayloads(new RoundShapes(SMALL, TRAINING), { count: 1, bytes: new Uint8Array(1) }),
    convolutions: new ConvolutionChoice({ config: {}, numericClasses: [] }, () => undefined),
    deliveryFor: () => delivery,
    scheduler: new Scheduler(() => undefined),
    uplink: new Uplink(),
    unfinished,
    trusted: new Set<string>(),
    onRefused: (_: string, { code }: { code: string }) => void refused.push(code),
  };
  server = await startServer({
    host: '127.0.0.1',
    port: 0,
    tokens,
    onWorker: (socket, peer) => void new WorkerConnection(socket, peer, context),
  });
});
afterEach(() => server.close());

/** A peer that has been welcomed. */
async function welcomed(name: string): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url}/work`, { headers: { Authorization: `Bearer ${tokens.work}` } });
  // What follows is the close event.
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const worker = { name, identity: 'i'.repeat(32), engine: 'onnx', device: 'cpu', gantry: '0.1.0', threads: 1 };
  socket.send(encodeFrame({ type: 'hello', protocol: PROTOCOL_VERSION, ...worker }));
  const [frame] = (await once(socket, 'message')) as [Buffer];
  expect(decodeFromCoordinator(frame, undefined).message.type).toBe('welcome');
  return socket;
}

test('the unfinished messages of many peers together are bounded, and others go on', async () => {
  const peers = await Promise.all(Array.from({ length: PEERS }, (_, i) => welcomed(`stalls ${i}`)));
  let mostBytes = 0;
  for (const peer of peers) {
    peer.send(Buffer.alloc(PART_BYTES), { fin: false }, () => (mostBytes = Math.max(mostBytes, unfinished.heldBytes)));
  }
  const fitting = Math.floor(MAX_UNFINISHED_BYTES / PART_BYTES);
  await vi.waitFor(() => expect(refused).toHaveLength(PEERS - fitting), WAIT);
  expect(new Set(refused)).toEqual(new Set(['E_TOO_LARGE']));
  expect(mostBytes).toBeLessThanOrEqual(MAX_UNFINISHED_BYTES);
  await welcomed('another');
});

test('a message that trickles is ended at its deadline', async () => {
  const peer = await welcomed('trickles');
  tickMs = 1000;
  while (peer.readyState === WebSocket.OPEN) {
    peer.send('', { fin: false });
    await nextTurn();
  }
  expect(refused).toEqual(['E_TIMEOUT']);
  expect(nowMs).toBeGreaterThan(30_000);
  expect(nowMs).toBeLessThan(40_000);
});

test('a peer that sends nothing but pongs, by the thousand, is refused', async () => {
  const peer = await welcomed('pongs');
  const closed = once(peer, 'close');
  for (let i = 0; i < 5000; i++) peer.pong();
  expect((await closed)[0]).toBe(1008);
  expect(refused).toEqual(['E_PROTOCOL']);
});

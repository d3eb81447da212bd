import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Heartbeat } from './heartbeat.ts';

/** More than are remembered. */
const PINGS = 40;

let server: WebSocketServer;
let peer: WebSocket;
let socket: WebSocket;
let heartbeat: Heartbeat;
/** What the peer was sent. */
let pings: Buffer[];
beforeEach(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const connected = once(server, 'connection');
  const { port } = server.address() as AddressInfo;
  // It answers when the test says so.
  peer = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong: false });
  pings = [];
  peer.on('ping', (data) => void pings.push(data));
  await once(peer, 'open');
  [socket] = (await connected) as [WebSocket];
  heartbeat = new Heartbeat(socket);
});
afterEach(() => {
  peer.terminate();
  server.close();
});

it('notices that something large has arrived, however many pings follow it and whichever is answered', async () => {
  const arrived = vi.fn();
  heartbeat.ping(arrived);
  for (let i = 0; i < PINGS; i++) heartbeat.ping();
  await vi.waitFor(() => expect(pings).toHaveLength(PINGS + 1));
  expect(arrived).not.toHaveBeenCalled();
  peer.pong(pings.at(-1));
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledOnce());
  expect(arrived).toHaveBeenCalledWith(heartbeat.roundTripMs);
});

it('believes no answer to a ping that was not received', async () => {
  const arrived = vi.fn();
  heartbeat.ping(arrived);
  for (let number = 0; number < 5; number++) peer.pong(String(number));
  peer.pong();
  peer.send('all of these were read before this');
  await once(socket, 'message');
  expect(arrived).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(pings).toHaveLength(1));
  peer.pong(pings[0]);
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledOnce());
  // How long an answer takes is not known by one behind something large.
  expect([arrived.mock.calls, heartbeat.roundTripMs]).toEqual([[[0]], null]);
});

import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Pace } from '../bench/support/lane.ts';
import { NetworkCard, type LinkRate } from '../bench/support/network-card.ts';

const closed: (() => void)[] = [];

afterEach(() => {
  for (const close of closed.splice(0)) close();
});

/** A server that sends back what comes, and a card before it. */
async function echoBehind(rate: LinkRate): Promise<NetworkCard> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const card = await NetworkCard.open((server.address() as AddressInfo).port, rate);
  closed.push(() => {
    card.close();
    server.close();
  });
  return card;
}

async function connectTo({ port }: NetworkCard): Promise<Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

async function allFrom(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Pieces of many sizes, no two of which look alike. */
function piecesOf(seed: number): Buffer[] {
  return Array.from({ length: 40 }, (_, i) => {
    const length = 1 + ((i * 7919 + seed * 104_729) % 60_000);
    return Buffer.from(Uint8Array.from({ length }, (__, j) => Math.imul(seed + i * 31 + j, 0x9e3779b1) >>> 24));
  });
}

describe('a network card', () => {
  it.each([
    { bitsPerSecond: Infinity, delayMs: 0 },
    { bitsPerSecond: Infinity, delayMs: 5 },
    { bitsPerSecond: 500e6, delayMs: 0 },
    { bitsPerSecond: 500e6, delayMs: 5 },
  ])('of $bitsPerSecond bit/s and $delayMs ms passes the bytes of every connection on in order', async (rate) => {
    const card = await echoBehind(rate);
    const sent = [1, 2, 3].map(piecesOf);
    const received = await Promise.all(
      sent.map(async (pieces) => {
        const socket = await connectTo(card);
        for (const piece of pieces) socket.write(piece);
        socket.end();
        return allFrom(socket);
      }),
    );
    sent.forEach((pieces, i) => expect(received[i]?.equals(Buffer.concat(pieces))).toBe(true));
    const bytes = sent.flat().reduce((sum, { length }) => sum + length, 0);
    expect(card.bytes).toEqual({ in: bytes, out: bytes });
  });

  it('ends the other end of a connection that breaks', async () => {
    const card = await echoBehind({ bitsPerSecond: 500e6, delayMs: 0 });
    const socket = await connectTo(card);
    socket.write('here');
    await once(socket, 'data');
    const ended = once(socket, 'end');
    card.close();
    await ended;
    socket.destroy();
  });
});

describe('the pace of a link', () => {
  it('is that of one byte after the other, and everything is delayed alike', () => {
    const pace = new Pace(1000, 20);
    expect([pace.arrivalOf(5000, 0), pace.arrivalOf(3000, 1), pace.arrivalOf(0, 2)]).toEqual([25, 28, 28]);
    // Idle from 8 on, it saves nothing up.
    expect([pace.arrivalOf(1000, 100), pace.arrivalOf(1000, 100)]).toEqual([121, 122]);
  });

  it('has no limit where the rate has none', () => {
    const pace = new Pace(Infinity, 3);
    expect([pace.arrivalOf(1e9, 7), pace.arrivalOf(1e9, 7)]).toEqual([10, 10]);
  });
});

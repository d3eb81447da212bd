import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Connections } from './connections.ts';
import { connectionsBeside, openFiles } from './open-files.ts';

const LIMITS = { total: 8, strangersPerAddress: 4, knownPerAddress: 3 };
/** Linux answers on all of 127.0.0.0/8, and one may come from all of it. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];

let server: net.Server;
let connections: Connections;
beforeEach(async () => {
  server = net.createServer();
  connections = new Connections(server, LIMITS);
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
});
afterEach(async () => {
  connections.destroyAll();
  server.close();
  await once(server, 'close');
});

/** Connects from an address. @returns the server's end */
async function connect(localAddress = '127.0.0.1'): Promise<net.Socket> {
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect({ port, host: '127.0.0.1', localAddress });
  // A reset is one of the ways to be cut off.
  socket.on('error', () => undefined).resume();
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [
    [net.Socket],
    unknown,
  ];
  return theirs;
}

async function connectAll(addresses: readonly string[]): Promise<net.Socket[]> {
  const all: net.Socket[] = [];
  for (const address of addresses) all.push(await connect(address));
  return all;
}

const areOpen = (sockets: readonly net.Socket[]) => sockets.map(({ destroyed }) => !destroyed);

test('of the strangers from one address, the oldest goes for a new one', async () => {
  const [first, ...others] = await connectAll(Array.from({ length: 5 }, () => '127.0.0.1'));
  expect(first?.destroyed).toBe(true);
  expect(areOpen(others)).toEqual([true, true, true, true]);
});

test.runIf(process.platform === 'linux')(
  'where all places are taken, strangers go where most of them are',
  async () => {
    const [one = '', two = '', three = '', four = ''] = ADDRESSES;
    const single = await connect(one);
    const many = await connectAll([two, two, two, two, three, three, three]);
    const late = await connect(four);
    expect(areOpen([single, ...many, late])).toEqual([true, false, ...Array.from({ length: 7 }, () => true)]);
  },
);

test.runIf(process.platform === 'linux')('who has shown a token is never cut for a stranger', async () => {
  const known = await connectAll(ADDRESSES);
  for (const socket of known) expect(connections.admit(socket)).toBeUndefined();
  await connectAll(ADDRESSES.flatMap((address) => [address, address, address, address]));
  expect(areOpen(known)).toEqual([true, true, true, true]);
});

test('too many with a token from one address hear why they cannot stay, and there is room once one has gone', async () => {
  const known = await connectAll(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
  for (const socket of known) connections.admit(socket);
  const next = await connect();
  expect(connections.admit(next)).toMatchObject({
    status: 503,
    message: /^3 connections from .*127\.0\.0\.1 are open/,
  });
  known[0]?.destroy();
  await vi.waitFor(() => expect(connections.admit(next)).toBeUndefined());
});

test.runIf(process.platform === 'linux')('there is always a place to show a token in', async () => {
  const [one = '', two = '', three = '', four = ''] = ADDRESSES;
  const known = await connectAll([one, one, one, two, two, two]);
  for (const socket of known) expect(connections.admit(socket)).toBeUndefined();
  const strangers = await connectAll([three, three, three]);
  const late = await connect(four);
  expect(areOpen([...strangers, late])).toEqual([false, false, true, true]);
  expect(connections.admit(late)).toMatchObject({ status: 503, code: 'E_PROTOCOL' });
});

test('the run keeps files for itself, a quarter of all or 64', () => {
  expect(connectionsBeside({ limit: 200, open: 30 })).toBe(106);
  expect(connectionsBeside({ limit: 4096, open: 72 })).toBe(3000);
  expect(connectionsBeside({ limit: 64, open: 30 })).toBe(8);
  expect(connectionsBeside({ limit: Infinity, open: 30 })).toBe(Infinity);
});

test('a process knows how many files it has and may have', () => {
  const { limit, open } = openFiles();
  expect(open).toBeGreaterThan(2);
  expect(limit).toBeGreaterThan(open);
});

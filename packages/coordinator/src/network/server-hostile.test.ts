import { once } from 'node:events';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type CoordinatorServer } from './server.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const headers = { Authorization: `Bearer ${tokens.work}` };
const MAX_PAYLOAD_BYTES = 1 << 20;
/** All tests come from one address. */
const CONNECTIONS = { total: 1024, strangersPerAddress: 1024, knownPerAddress: 1024 };
/** Kept free for those who come. */
const LOBBY = 16;
const WAIT = { timeout: 20_000 };

let server: CoordinatorServer;
let witness: WebSocket;
const workers = new Set<WebSocket>();
beforeEach(async () => {
  const onWorker = (socket: WebSocket): void => {
    workers.add(socket);
    socket.on('close', () => workers.delete(socket));
    socket.on('message', (data: Buffer) => socket.send(data));
  };
  const options = { maxPayloadBytes: MAX_PAYLOAD_BYTES, connections: CONNECTIONS };
  server = await startServer({ host: '127.0.0.1', port: 0, tokens, onWorker, ...options });
  witness = await connect();
});
/** Whatever a test does, the worker that was there before does not notice. */
afterEach(async () => {
  const echo = once(witness, 'message');
  witness.send('still here');
  expect(String((await echo)[0])).toBe('still here');
  await server.close();
  expect(workers.size).toBe(0);
});

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url}/work`, { headers });
  await once(socket, 'open');
  return socket;
}

/** Sends bytes over TCP, and gives all that comes back until the server closes. */
async function answerTo(bytes: string | Buffer, onSocket?: (socket: net.Socket) => void): Promise<string> {
  const socket = net.connect(server.port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  // A reset is one of the ways to be cut off.
  socket.on('error', () => {});
  socket.write(bytes);
  onSocket?.(socket);
  await once(socket, 'close');
  return answer;
}

function upgrade(...lines: string[]): string {
  const [host, token] = [`Host: 127.0.0.1:${server.port}`, `Authorization: Bearer ${tokens.work}`];
  const all = ['GET /work HTTP/1.1', host, token, 'Connection: Upgrade', 'Upgrade: websocket', ...lines];
  return `${all.join('\r\n')}\r\n\r\n`;
}
const KEY = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
const VERSION = 'Sec-WebSocket-Version: 13';

describe('not what was expected', () => {
  test('bytes that are not HTTP', async () => {
    const tlsHello = Buffer.from('16030100f5010000f10303', 'hex');
    for (const bytes of [tlsHello, '\0'.repeat(5000), 'GT\u0001\0', 'GET /work HTTP/1.1\nHost: a\0b\n\n']) {
      expect(await answerTo(bytes)).toMatch(/^HTTP\/1.1 400 .*"code":"E_PROTOCOL"/s);
    }
  });

  test('upgrades that are not to WebSocket', async () => {
    const refused = /^HTTP\/1.1 400 .*"code":"E_PROTOCOL"/s;
    expect(await answerTo(upgrade(VERSION))).toMatch(refused);
    expect(await answerTo(upgrade(VERSION, 'Sec-WebSocket-Key: short'))).toMatch(refused);
    expect(await answerTo(upgrade(KEY, 'Sec-WebSocket-Version: 12'))).toMatch(refused);
    expect(await answerTo(upgrade(KEY, VERSION, 'Sec-WebSocket-Protocol: a,,b'))).toMatch(refused);
    expect(await answerTo(upgrade(KEY, VERSION).replace('websocket', 'h2c'))).toMatch(refused);
    expect(await answerTo(upgrade(KEY, VERSION).replace('GET', 'POST'))).toMatch(refused);
  });

  test('no Host, or two of them', async () => {
    expect(await answerTo(upgrade(KEY, VERSION).replace(/Host:.*\r\n/, ''))).toMatch(/^HTTP\/1.1 40[03] /);
    expect(await answerTo(upgrade(KEY, VERSION, 'Origin: http://a.example', 'Origin: null'))).toMatch(
      /^HTTP\/1.1 403 /,
    );
  });

  test('headers over the limit', async () => {
    const answer = await answerTo(upgrade(KEY, VERSION, `X-Long: ${'x'.repeat(16 * 1024)}`));
    expect(answer).toMatch(/^HTTP\/1.1 431 .*"code":"E_TOO_LARGE"/s);
  });

  test('a peer that goes away in the middle of everything', async () => {
    for (const bytes of ['', 'GET /wo', upgrade(KEY, VERSION), upgrade()]) {
      await answerTo(bytes, (socket) => socket.once('connect', () => socket.resetAndDestroy()));
    }
  });
});

test('an upgrade that trickles, and a peer that says nothing, are cut off within 5 s', async () => {
  const start = performance.now();
  const trickle = answerTo('GET /work HTTP/1.1\r\n', (socket) => {
    const timer = setInterval(() => socket.write('X-A: b\r\n'), 50);
    socket.on('close', () => clearInterval(timer));
  });
  const answers = await Promise.all([trickle, answerTo('')]);
  expect(performance.now() - start).toBeLessThan(5000);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 .*"code":"E_TIMEOUT"/s);
});

test('a peer that does not answer a close is cut off within 5 s', async () => {
  const answer = answerTo(upgrade(KEY, VERSION));
  await vi.waitFor(() => expect(workers.size).toBe(2), WAIT);
  const start = performance.now();
  [...workers].at(-1)?.close(1008);
  await answer;
  expect(performance.now() - start).toBeLessThan(5000);
});

describe('frames', () => {
  /** The code that a connection is closed with after `send` has had it. */
  async function closeCode(send: (socket: WebSocket) => void): Promise<unknown> {
    const socket = await connect();
    const closed = once(socket, 'close');
    send(socket);
    return (await closed)[0];
  }

  test('as large as allowed, and one byte larger', async () => {
    const socket = await connect();
    socket.send(Buffer.alloc(MAX_PAYLOAD_BYTES));
    expect((await once(socket, 'message'))[0]).toHaveLength(MAX_PAYLOAD_BYTES);
    const closed = once(socket, 'close');
    socket.send(Buffer.alloc(MAX_PAYLOAD_BYTES + 1));
    expect((await closed)[0]).toBe(1009);
  });

  test('too large in sum', async () => {
    const code = await closeCode((socket) => {
      for (let sent = 0; sent <= MAX_PAYLOAD_BYTES; sent += 1 << 16) socket.send(Buffer.alloc(1 << 16), { fin: false });
    });
    expect(code).toBe(1009);
  });

  test('too many fragments', async () => {
    const code = await closeCode((socket) => {
      for (let sent = 0; sent < 20_000; sent++) socket.send('', { fin: false });
    });
    expect(code).toBe(1008);
  });

  test('bytes that are not frames', async () => {
    const answer = await answerTo(upgrade(KEY, VERSION) + '\u007f'.repeat(1000));
    const { frame = '' } = /^HTTP\/1.1 101 .*?\r\n\r\n(?<frame>.*)$/s.exec(answer)?.groups ?? {};
    // A close frame, with 1002 in its first two bytes: protocol error.
    expect(Buffer.from(frame, 'latin1').readUInt8(0)).toBe(0x88);
    expect(Buffer.from(frame, 'latin1').readUInt16BE(2)).toBe(1002);
  });
});

describe('many connections', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;

  /** Opens connections with the token that say nothing after the upgrade, closes them, and tells how many were let in. */
  async function flood(count: number): Promise<number> {
    const attempts = Array.from({ length: count }, async () => {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.write(upgrade(KEY, VERSION));
      // A reset is one of the ways to be cut off.
      const isIn = new Promise<boolean>((resolve) => {
        socket
          .on('data', (answer: Buffer) => resolve(answer.includes(' 101 ')))
          .on('error', () => resolve(false))
          .on('close', () => resolve(false));
      });
      return { socket, isIn: await isIn };
    });
    const all = await Promise.all(attempts);
    const open = all.filter(({ isIn }) => isIn);
    await Promise.all(open.map(({ socket }) => once(socket.destroy(), 'close')));
    await vi.waitFor(() => expect(workers.size).toBe(1), WAIT);
    return open.length;
  }

  test('the surplus is refused, the others stay, and memory returns', async () => {
    // One place is the witness's.
    expect(await flood(1100)).toBe(CONNECTIONS.total - LOBBY - 1);
    // Once they are gone there is room again.
    expect(await flood(1000)).toBe(1000);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 3; round++) await flood(1000);
    await vi.waitFor(() => {
      collectGarbage();
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(1 << 20);
    }, WAIT);
  });
});

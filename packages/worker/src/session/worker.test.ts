import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  MAX_PAYLOAD_BYTES,
  PROTOCOL_VERSION,
  encodeFrame,
  manifestToWire,
  sha256,
  type CoordinatorMessage,
  type MessageOf,
} from '@gantry/core';
import { modelManifest } from '@gantry/models';
// As built: engine threads start from a compiled file.
import { runWorker, type WorkerObserver } from '@gantry/worker';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';

const MANIFEST = modelManifest('tiny');
const PROGRAM = Uint8Array.of(1, 2, 3);
const DIGEST = await sha256(PROGRAM);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A coordinator whose answer to the hello of each connection is up to the test. */
async function coordinator(onHello: (socket: WebSocket, connection: number) => void): Promise<string> {
  const server = createServer();
  let connections = 0;
  new WebSocketServer({ server, path: '/work' }).on('connection', (socket) => {
    const connection = connections++;
    socket.once('message', () => onHello(socket, connection));
  });
  return listen(server);
}

/** An HTTP server that refuses the n-th upgrade by a status, or leaves it to `otherwise`. */
async function refuser(...answers: (readonly [status: number, body: string])[]): Promise<[string, IncomingMessage[]]> {
  const requests: IncomingMessage[] = [];
  const server = createServer().on('upgrade', (request, socket) => {
    // The worker does not read a long body to its end.
    socket.on('error', () => undefined);
    const [status, body] = answers[requests.push(request) - 1] ?? [403, '{"message": "no more answers"}'];
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
  return [await listen(server), requests];
}

function send(socket: WebSocket, message: CoordinatorMessage, payload?: Uint8Array): void {
  socket.send(encodeFrame(message, payload));
}

function welcome(digest = DIGEST, heartbeatMs = 60_000): MessageOf<'welcome'> {
  return {
    type: 'welcome',
    protocol: PROTOCOL_VERSION,
    run: 'a run',
    seed: 1,
    heartbeatMs,
    manifest: manifestToWire(MANIFEST),
    training: { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: {} },
    programs: [{ phase: 'step', samples: 2, bytes: PROGRAM.length, sha256: digest }],
  };
}

/** Runs a worker to its end; `said` collects what its observer hears, and may abort. */
async function run(url: string, onSaid?: (text: string, abort: () => void) => void): Promise<string[]> {
  const said: string[] = [];
  const controller = new AbortController();
  const hear = (text: string) => {
    said.push(text);
    onSaid?.(text, () => controller.abort());
  };
  const observer: WorkerObserver = { connected: hear, waiting: hear, notice: hear, shardDone: () => undefined };
  const { signal } = controller;
  await runWorker({ url, token: 'secret', engine: 'onnx', device: 'cpu', threads: 1, name: 'w', signal, observer });
  return said;
}

const FINISHED = { type: 'bye', reason: 'finished', message: 'that was it' } as const;

describe('a worker', () => {
  it('shows its token in a header and ends when it is refused', async () => {
    const [url, requests] = await refuser([401, '{"code": "E_AUTH", "message": "pass it in a header"}']);
    const message: unknown = expect.stringMatching(/^the coordinator does not accept this token: [^\n]*work\.token/);
    await expect(run(url)).rejects.toMatchObject({ code: 'E_AUTH', message });
    expect(requests.map(({ url: path, headers }) => [path, headers.authorization])).toEqual([
      ['/work', 'Bearer secret'],
    ]);
  });

  it('ends when its address is refused, for the reason that the server gives', async () => {
    const [url] = await refuser([403, '{"code": "E_AUTH", "message": "wrong\\u001b host"}']);
    await expect(run(url)).rejects.toMatchObject({ code: 'E_AUTH', message: 'wrong host' });
  });

  it('tries again after other refusals, whatever they contain', async () => {
    const [url, requests] = await refuser([503, '{"message": "busy"}'], [500, 'x'.repeat(100_000)], [503, 'null']);
    await expect(run(url)).rejects.toMatchObject({ code: 'E_AUTH', message: 'no more answers' });
    expect(requests).toHaveLength(4);
  });

  it.each(['finished', 'dropped'] as const)('ends after a bye: %s', async (reason) => {
    const url = await coordinator((socket) => send(socket, { ...FINISHED, reason }));
    expect(await run(url)).toEqual(['that was it']);
  });

  it('comes back after a bye: stopped', async () => {
    const url = await coordinator((socket, connection) => {
      send(socket, connection === 0 ? { type: 'bye', reason: 'stopped', message: 'restarting' } : FINISHED);
    });
    expect(await run(url)).toEqual(['restarting', 'that was it']);
  });

  it('asks once more where its first frame may have looked like one of another version for damage', async () => {
    const url = await coordinator((socket, connection) => {
      if (connection > 0) send(socket, FINISHED);
      else send(socket, { type: 'error', code: 'E_VERSION', message: 'protocol version 8' });
    });
    expect(await run(url)).toContain(FINISHED.message);
  });

  it.each(['E_AUTH', 'E_VERSION', 'E_MANIFEST', 'E_QUARANTINED'] as const)('ends with a refusal: %s', async (code) => {
    const url = await coordinator((socket) => send(socket, { type: 'error', code, message: 'go away' }));
    await expect(run(url)).rejects.toMatchObject({ code, message: 'go away' });
  });

  it('ends when the coordinator speaks another version of the protocol', async () => {
    const url = await coordinator((socket) => {
      const frame = encodeFrame(welcome());
      frame[2] = PROTOCOL_VERSION + 1;
      frame.fill(7, 8, 16);
      socket.send(frame);
    });
    await expect(run(url)).rejects.toMatchObject({ code: 'E_VERSION' });
  });

  it('ends when the engine cannot load the program', async () => {
    const url = await coordinator((socket) => {
      send(socket, welcome());
      send(socket, { type: 'program', phase: 'step', samples: 2 }, PROGRAM);
    });
    await expect(run(url)).rejects.toMatchObject({ code: 'E_ENGINE' });
  });

  it('ends when it is asked for more memory than any shard needs', async () => {
    const inputs = [
      { name: 'images', shape: [1], from: 'data' as const },
      { name: 'noise', shape: [2 ** 25], from: 'normal' as const, streams: [1, 2, 3, 4] },
    ];
    const url = await coordinator((socket) => {
      const { manifest, ...rest } = welcome();
      const phases = manifest.phases.map((phase) => ({ ...phase, inputs }));
      send(socket, { ...rest, manifest: { ...manifest, phases } });
    });
    await expect(run(url)).rejects.toMatchObject({
      code: 'E_MANIFEST',
      message: expect.stringMatching(/inputs of a shard/),
    });
  });

  const weights = new Uint8Array(MANIFEST.trainableSize * 4);
  const reply = (...frames: (readonly [CoordinatorMessage, Uint8Array?])[]) => {
    return (socket: WebSocket) => frames.forEach(([message, payload]) => send(socket, message, payload));
  };
  it.each<[string, (socket: WebSocket) => void, RegExp]>([
    ['text', (socket) => socket.send('hello'), /text.*E_PROTOCOL/],
    ['garbage', (socket) => socket.send(Buffer.from('garbage')), /E_PROTOCOL/],
    ['a close', (socket) => socket.close(1008, 'not you'), /1008 not you/],
    ['an end without a word', (socket) => socket.terminate(), /broke/],
    ['two welcomes', reply([welcome()], [welcome()]), /second welcome.*E_PROTOCOL/],
    ['no programs', reply([{ ...welcome(), programs: [] }]), /no program.*E_PROTOCOL/],
    [
      'another program',
      reply([welcome('0'.repeat(64))], [{ type: 'program', phase: 'step', samples: 2 }, PROGRAM]),
      /another hash/,
    ],
    [
      'a cut program',
      reply([welcome()], [{ type: 'program', phase: 'step', samples: 2 }, PROGRAM.subarray(1)]),
      /E_BAD_SHAPE/,
    ],
    [
      'a program that is cut elsewhere',
      reply([welcome()], [{ type: 'program', phase: 'step', samples: 2, offset: 1 }, PROGRAM.subarray(1)]),
      /not cut at byte 1.*E_BAD_SHAPE/,
    ],
    [
      'the end of a program before its beginning',
      reply(
        [{ ...welcome(), programs: [{ phase: 'step', samples: 2, bytes: MAX_PAYLOAD_BYTES + 1, sha256: DIGEST }] }],
        [{ type: 'program', phase: 'step', samples: 2, offset: MAX_PAYLOAD_BYTES }, PROGRAM.subarray(2)],
      ),
      /came where a message begins.*E_PROTOCOL/,
    ],
    ['weights too early', reply([welcome()], [{ type: 'weights', round: 0 }, weights]), /E_PROTOCOL/],
    ['silence', reply([welcome(DIGEST, 1)]), /nothing came from the coordinator for 2\.0 s/],
    [
      'a refusal, and a close',
      (socket) => {
        send(socket, { type: 'error', code: 'E_PROTOCOL', message: 'what?' });
        socket.close();
      },
      /what\?.*E_PROTOCOL/,
    ],
  ])('comes back after %s', async (_, misbehave, reason) => {
    const url = await coordinator((socket, connection) => {
      if (connection === 0) misbehave(socket);
      else send(socket, FINISHED);
    });
    const said = await run(url);
    expect(said.at(-2)).toMatch(reason);
    expect(said.at(-1)).toBe('that was it');
  });

  it('tells the coordinator what it found wrong', async () => {
    let answer: Buffer = Buffer.alloc(0);
    const url = await coordinator((socket, connection) => {
      if (connection > 0) return send(socket, FINISHED);
      socket.once('message', (data) => (answer = data as Buffer));
      socket.send(Buffer.from('garbage'));
    });
    await run(url);
    expect(answer.toString('latin1')).toMatch(/failure.*E_PROTOCOL|E_PROTOCOL.*failure/s);
  });

  it('leaves when it is told to: while it waits, connects or works', async () => {
    const closed = await listen(createServer());
    servers.splice(0).forEach((server) => server.close());
    expect(await run(closed, (_, abort) => abort())).toHaveLength(1);

    let last: Buffer = Buffer.alloc(0);
    const url = await coordinator((socket) => {
      socket.on('message', (data) => (last = data as Buffer));
      send(socket, { type: 'error', code: 'E_STALE_STEP', message: 'late' });
    });
    await run(url, (_, abort) => abort());
    expect(last.toString('latin1')).toContain('leaving');
  });
});

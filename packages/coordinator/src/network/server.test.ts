import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { startServer, type CoordinatorServer, type ServerOptions } from './server.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const right = { Authorization: `Bearer ${tokens.work}` };

const running: CoordinatorServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

/** A server that answers every message with itself. */
async function start(options: Partial<ServerOptions> = {}): Promise<CoordinatorServer> {
  const onWorker = (socket: WebSocket): void => {
    socket.on('message', (data: Buffer) => socket.send(data));
  };
  const server = await startServer({ host: '127.0.0.1', port: 0, tokens, onWorker, ...options });
  running.push(server);
  return server;
}

/** Connects, says something and hears it back: 'welcome', or what the server answered otherwise. */
async function attempt(url: string, options: ClientOptions, protocols: string[] = []): Promise<unknown> {
  const socket = new WebSocket(url, protocols, options);
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send('welcome'));
    socket.on('message', (data: Buffer) => {
      resolve(`${data.toString()} ${socket.protocol}`.trim());
      socket.close();
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, ...JSON.parse(body) }));
    });
  });
}

describe('who comes in', () => {
  test('a worker with the token, by header or as a browser does', async () => {
    const { url } = await start();
    expect(await attempt(`${url}/work`, { headers: right })).toBe('welcome');
    expect(await attempt(`${url}/work`, {}, ['gantry', `gantry.token.${tokens.work}`])).toBe('welcome gantry');
  });

  test('nobody else', async () => {
    const { url } = await start();
    const refused = (status: number, code: string) => ({ status, code, message: expect.any(String) as unknown });
    expect(await attempt(`${url}/work`, {})).toEqual(refused(401, 'E_AUTH'));
    expect(await attempt(`${url}/work`, { headers: { Authorization: 'Bearer x' } })).toEqual(refused(401, 'E_AUTH'));
    expect(await attempt(`${url}/work?token=${tokens.work}`, {})).toEqual(refused(400, 'E_PROTOCOL'));
    expect(await attempt(url, { headers: right })).toEqual(refused(404, 'E_PROTOCOL'));
    const elsewhere = { headers: { ...right, Host: 'evil.example' } };
    expect(await attempt(`${url}/work`, elsewhere)).toEqual(refused(403, 'E_AUTH'));
    expect(await attempt(`${url}/work`, { headers: right, origin: 'http://evil.example' })).toEqual(
      refused(403, 'E_AUTH'),
    );
  });

  test('a refused peer that keeps its side open takes no place', async () => {
    const { port, url } = await start({ connections: { total: 1 } });
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
    socket.write(`GET /work HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await once(socket, 'end');
    const attempted = vi.waitFor(() => attempt(`${url}/work`, { headers: right }), { timeout: 10_000 });
    expect(await attempted).toBe('welcome');
    socket.destroy();
  });

  test('plain HTTP hears whether the server lives, and nothing else', async () => {
    const { port } = await start();
    const health = await fetch(`http://127.0.0.1:${port}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { ok: true }]);
    const other = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(1000) });
    expect([other.status, await other.json()]).toMatchObject([404, { code: 'E_PROTOCOL' }]);
  });
});

describe('where it listens', () => {
  test('a port in use', async () => {
    const { port } = await start();
    const message = `cannot listen on 127.0.0.1:${port}: port ${port} is in use: stop what listens there, or choose another port`;
    await expect(start({ port })).rejects.toMatchObject({ code: 'E_CONFIG', message });
  });

  test('an address of another machine, an unknown name, an impossible extra host', async () => {
    for (const options of [{ host: '192.0.2.1' }, { host: 'no-such-host.invalid' }, { allowedHosts: ['a/b'] }]) {
      const message: unknown = expect.stringMatching(/^[^\n]+$/);
      await expect(start(options)).rejects.toMatchObject({ code: 'E_CONFIG', message });
    }
  });

  test('says when tokens travel in the clear', async () => {
    expect((await start({ host: 'localhost' })).warnings).toEqual([]);
    const everywhere = await start({ host: '0.0.0.0' });
    expect(everywhere.warnings).toEqual([expect.stringContaining('in the clear')]);
    // The address that others are told is one that the gate lets them use.
    expect(await attempt(`${everywhere.url}/work`, { headers: right })).toBe('welcome');
  });
});

/** GANTRY_REQUIRE lists what must not be skipped, separated by commas. */
const isRequired = (process.env['GANTRY_REQUIRE'] ?? '').split(',').includes('openssl');
const isSkipped = !isRequired && spawnSync('openssl', ['version']).status !== 0;
describe.skipIf(isSkipped)(`TLS${isSkipped ? ' (skipped: openssl is absent)' : ''}`, () => {
  test('with the CA it works, without it fails', async () => {
    const { cert, key } = await certificate();
    const { url, warnings } = await start({ tls: { cert, key }, host: '127.0.0.1' });
    expect(url).toMatch(/^wss:/);
    expect(warnings).toEqual([]);
    expect(await attempt(`${url}/work`, { headers: right, ca: cert })).toBe('welcome');
    await expect(attempt(`${url}/work`, { headers: right })).rejects.toThrow(/self-signed certificate/);
    await expect(attempt(`${url.replace('wss', 'ws')}/work`, { headers: right })).rejects.toThrow();
    expect(await attempt(`${url}/work`, { ca: cert })).toMatchObject({ status: 401 });
  });

  test('a peer that begins no handshake is cut off within 5 s', async () => {
    const { port } = await start({ tls: await certificate() });
    const begin = performance.now();
    const socket = net.connect(port, '127.0.0.1').resume();
    await once(socket, 'close');
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  test('a certificate that is none, or another key, is one clear line', async () => {
    const [{ cert }, { key }] = await Promise.all([certificate(), certificate()]);
    for (const tls of [
      { cert: 'nonsense', key },
      { cert, key },
    ]) {
      const message: unknown = expect.stringMatching(/^the TLS certificate or its key cannot be used: [^\n]+$/);
      await expect(start({ tls })).rejects.toMatchObject({ code: 'E_CONFIG', message });
    }
  });
});

/** A self-signed one for 127.0.0.1. */
async function certificate(): Promise<{ cert: string; key: string }> {
  const directory = await mkdtemp(join(os.tmpdir(), 'gantry-tls-'));
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const how = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=gantry';
  const args = [...how.split(' '), '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const made = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  await rm(directory, { recursive: true });
  return made;
}

describe('close', () => {
  /** A worker, and the server's end of its connection. */
  async function connected() {
    const arrivals = new EventEmitter();
    const server = await start({ onWorker: (each) => arrivals.emit('worker', each) });
    const socket = new WebSocket(`${server.url}/work`, { headers: right });
    const [[theirs]] = (await Promise.all([once(arrivals, 'worker'), once(socket, 'open')])) as [[WebSocket], unknown];
    return { server, socket, theirs };
  }

  test('delivers what was sent before, and tells workers to come back', async () => {
    const last = Buffer.alloc(8 << 20, 7);
    const { server, socket, theirs } = await connected();
    const received = once(socket, 'message');
    const closed = once(socket, 'close');
    theirs.send(last);
    await Promise.all([server.close(), server.close()]);
    expect(last.equals((await received)[0] as Buffer)).toBe(true);
    expect((await closed)[0]).toBe(1001);
    await expect(attempt(`${server.url}/work`, { headers: right })).rejects.toThrow(/ECONNREFUSED/);
  });

  test('leaves nothing behind: the process ends by itself', () => {
    const script = `
      import { once } from 'node:events';
      import { WebSocket } from 'ws';
      import { startServer } from './server.ts';
      const tokens = ${JSON.stringify(tokens)};
      const server = await startServer({ host: '127.0.0.1', port: 0, tokens, onWorker: () => {} });
      const socket = new WebSocket(server.url + '/work', { headers: ${JSON.stringify(right)} });
      await once(socket, 'open');
      await Promise.all([server.close(), once(socket, 'close')]);
      console.log(process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name)));
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const result = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000 });
    expect(result).toMatchObject({ status: 0, stdout: '[]\n', stderr: '' });
  });

  test('does not wait for ever for a worker that reads nothing', async () => {
    const { server, socket, theirs } = await connected();
    socket.pause();
    theirs.send(Buffer.alloc(32 << 20));
    const closed = once(theirs, 'close');
    await server.close();
    await closed;
    socket.terminate();
  });
});

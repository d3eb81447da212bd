import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, readToken, temporaryDirectory } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

const RUN = [...TINY, '--epochs', '1000', '--batch', '16', '--shard-size', '4'];
const MAX_PACKAGE_BYTES = 4e6;

/** A run that others reach under an address of this machine which is not loopback. */
function startExposed(run: string): Gantry {
  return new Gantry(['coordinator', ...RUN, '--listen', '0.0.0.0:0', '--run', run]);
}

const paste = (command: string, env: NodeJS.ProcessEnv = {}) =>
  new Gantry(['-c', `cd ${temporaryDirectory()} && ${command}`], env, ['sh']);

describe('the worker that a coordinator serves', () => {
  const run = join(temporaryDirectory(), 'run');
  let coordinator: Gantry;
  let url: string;
  let archive: string;
  beforeAll(async () => {
    coordinator = startExposed(run);
    [, archive = '', url = ''] = await coordinator.output(/npx --yes (http:\S+) (ws:\S+)/);
  });

  it('is one small package, for anyone who asks by a name of the coordinator', async () => {
    const [named, alias] = [await fetch(archive), await fetch(new URL('/worker.tgz', archive))];
    const bytes = Buffer.from(await named.arrayBuffer());
    expect(bytes.length).toBeLessThan(MAX_PACKAGE_BYTES);
    expect(Buffer.from(await alias.arrayBuffer()).equals(bytes)).toBe(true);
    expect(named.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(alias.headers.get('cache-control')).toBe('no-cache');
    const known = { 'If-None-Match': alias.headers.get('etag') ?? '' };
    expect((await fetch(new URL('/worker.tgz', archive), { headers: known })).status).toBe(304);
    expect((await fetch(new URL('/0123456789abcdef/worker.tgz', archive))).status).toBe(404);
    expect((await fetch(archive, { method: 'POST' })).status).toBe(405);

    const checked = /echo "([\da-f]{64})  worker\.tgz"/.exec(coordinator.stderr)?.[1];
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(checked);
  });

  it('is not given under the name of another host', async () => {
    const { port, hostname, pathname } = new URL(archive);
    const answer = await exchange(
      connect(Number(port), hostname),
      `GET ${pathname} HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('runs, once its SHA-256 is right, and not before', async () => {
    const [, checked = ''] = await coordinator.output(/changed on the way: (.*)$/m);
    const wrong = paste(checked.replace(/"[\da-f]/, (first) => `"${first.endsWith('0') ? '1' : '0'}`));
    const { code, stderr } = await wrong.finished;
    expect(code).not.toBe(0);
    expect(stderr).not.toContain('engine on cpu');

    const right = paste(checked);
    await right.output(/joined run/);
    right.process.kill('SIGTERM');
  });

  it('works on when nobody reads any more what it prints', async () => {
    const dashboard = await Dashboard.of(coordinator);
    const deaf = paste(`npx --yes ${archive} ${url} --name deaf --threads 1 2>&1 | head -1`, {
      GANTRY_TOKEN: readToken(run),
    });
    await dashboard.watch().until(({ workers }) => workers.some(({ name, shards }) => name === 'deaf' && shards > 0));
    expect(await dashboard.control({ action: 'drop', worker: 'deaf' })).toMatchObject({ ok: true });
    await deaf.finished;
  });

  it('says, where there is neither a C compiler nor ONNX Runtime, how to add that; and that works', async () => {
    const env = { CC: 'no-such-compiler', GANTRY_TOKEN: readToken(run), npm_config_prefer_offline: 'true' };
    const bare = await paste(`npx --yes ${archive} ${url} --name 'a b' --threads 1`, env).finished;
    expect(bare.code).toBe(1);
    const [, line = ''] = /no-such-compiler is not installed.*; to add it: (.*) \[E_ENGINE\]$/m.exec(bare.stderr) ?? [];
    const worker = paste(line, env);
    await worker.output(/worker a b: onnx engine on cpu, 1 thread.*\n(?:.*\n)*?.*joined run/);
    worker.process.kill('SIGTERM');

    const gpu = await paste(`npx --yes ${archive} ${url} --device webgpu`, env).finished;
    expect(gpu.stderr).toMatch(/ -p onnxruntime-node gantry-worker ws:\S+ --device webgpu \[E_ENGINE\]$/m);
  });

  it('is told to the dashboard without the token, which its page can ask for', async () => {
    const dashboard = await Dashboard.of(coordinator);
    const { run: seen } = await dashboard.watch().next();
    expect(seen.join).toMatchObject({
      shell: `GANTRY_TOKEN=… npx --yes ${archive} ${url}`,
      powershell: `$env:GANTRY_TOKEN='…'; npx --yes ${archive} ${url}`,
      checked: expect.stringContaining('sha256sum -c') as string,
    });
    expect(await (await dashboard.get('/api/work-token')).json()).toEqual({ token: readToken(run) });
    expect((await fetch(new URL('/api/work-token', archive))).status).toBe(401);
  });

  afterAll(() => coordinator.process.kill('SIGTERM'));
});

describe('tokens are printed', () => {
  it('to a terminal, in lines that work as they are', async () => {
    const run = join(temporaryDirectory(), 'run');
    // util-linux's script gives a command a terminal, and passes on what it prints there.
    const command = [
      process.execPath,
      'packages/gantry/bin/gantry.js',
      'coordinator',
      ...RUN,
      '--listen',
      '0.0.0.0:0',
      '--run',
      run,
    ];
    const terminal = new Gantry(['-c', `script -qefc "${command.join(' ')}" /dev/null 1>&2`], {}, ['sh']);
    const [, line = ''] = await terminal.output(/attach workers with: (GANTRY_TOKEN=.*?)\r?$/m);
    expect(line).toContain(`GANTRY_TOKEN=${readToken(run)} `);
    const [, token = ''] = await terminal.output(/^dashboard: \S+#token=(\S+)\r?$/m);
    expect(token).toBe(readToken(run, 'control'));
    terminal.process.kill('SIGTERM');
  });

  it('nowhere else: there, the lines name their files', async () => {
    const run = join(temporaryDirectory(), "it's a run");
    const coordinator = startExposed(run);
    const [, line = ''] = await coordinator.output(/attach workers with: (.*)$/m);
    await coordinator.output(/dashboard: http:.*#token=\$\(cat /);
    for (const token of [readToken(run), readToken(run, 'control')]) expect(coordinator.stderr).not.toContain(token);
    const worker = paste(line);
    await worker.output(/joined run/);
    worker.process.kill('SIGTERM');
    coordinator.process.kill('SIGTERM');
  });
});

/** Sends a request; resolves with the answer, once the other end has closed. */
function exchange(socket: Socket, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (answer += text));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.write(request);
  });
}

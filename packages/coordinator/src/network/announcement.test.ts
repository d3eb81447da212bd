import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NONCE_HEADER, announce, isAnnounced, localWorkToken, type Announcement } from './announcement.ts';
import { startServer, type CoordinatorServer } from './server.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };

let directory: string;
const opened: { close(): unknown }[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(os.tmpdir(), 'gantry-tokens-'));
  vi.stubEnv('XDG_STATE_HOME', directory);
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

async function modeOf(...path: string[]): Promise<string> {
  return ((await stat(join(directory, ...path))).mode & 0o777).toString(8);
}

/** A coordinator that has noted its tokens. */
async function coordinator(work = tokens.work, host = '127.0.0.1', port = 0) {
  let announcement: Announcement | undefined;
  const server: CoordinatorServer = await startServer({
    host,
    port,
    tokens,
    onWorker: () => undefined,
    prove: (nonce, address) => Promise.resolve(announcement?.prove(nonce, address)),
  });
  opened.push(server);
  announcement = await announce(server.port, { ...tokens, work });
  return { url: new URL(server.url.replace(/^ws/, 'http')), port: server.port, server, announcement };
}

describe('the note of a coordinator', () => {
  test('tells local commands the token, privately, until it is withdrawn', async () => {
    await mkdir(join(directory, 'gantry'), { mode: 0o755 });
    const { url, port, announcement } = await coordinator();
    expect([await modeOf('gantry'), await modeOf('gantry', `${port}.json`)]).toEqual(['700', '600']);
    expect([await localWorkToken(url), await isAnnounced(port)]).toEqual([tokens.work, true]);
    await announcement.withdraw();
    expect([await localWorkToken(url), await isAnnounced(port)]).toEqual([undefined, false]);
    await announcement.withdraw();
  });

  test('counts on each address of the machine', async () => {
    const { port } = await coordinator(tokens.work, '::');
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await localWorkToken(new URL(`http://${host}:${port}`)), host).toBe(tokens.work);
    }
  });

  test('is left alone by the coordinator that another one has followed', async () => {
    const first = await coordinator();
    await first.server.close();
    const second = await coordinator('o'.repeat(43), '127.0.0.1', first.port);
    await first.announcement.withdraw();
    expect(await localWorkToken(second.url)).toBe('o'.repeat(43));
  });

  test('counts no more once somebody else listens there', async () => {
    const { url, port, server } = await coordinator();
    await server.close();
    await expect(localWorkToken(url)).rejects.toThrow(/ECONNREFUSED/);
    for (const answer of ['{"ok":true}', `{"ok":true,"proof":"${'x'.repeat(43)}"}`, 'hello', '']) {
      const other = createServer((_, response) => response.end(answer)).listen(port, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      await expect(localWorkToken(url), answer).rejects.toMatchObject({ code: 'E_AUTH' });
      await new Promise((resolve) => other.close(resolve));
    }
  });

  test('counts not for one who passes on the question', async () => {
    const { port } = await coordinator();
    // On another address of this machine, with the same port or not.
    const relay = createServer(({ headers }, response) => {
      const nonce = headers[NONCE_HEADER];
      request({ port, host: '127.0.0.1', path: '/healthz', headers: { [NONCE_HEADER]: nonce } }, (answer) =>
        answer.pipe(response),
      ).end();
    });
    opened.push(relay.listen(port, '::1'));
    await new Promise((resolve) => relay.once('listening', resolve));
    expect((relay.address() as AddressInfo).port).toBe(port);
    await expect(localWorkToken(new URL(`http://[::1]:${port}`))).rejects.toMatchObject({ code: 'E_AUTH' });
    expect(await localWorkToken(new URL(`http://127.0.0.1:${port}`))).toBe(tokens.work);
  });

  test('without XDG_STATE_HOME, or with a relative one, is below the home directory', async () => {
    vi.stubEnv('HOME', directory);
    for (const state of ['', 'relative']) {
      vi.stubEnv('XDG_STATE_HOME', state);
      const { port, announcement } = await coordinator();
      expect(await readFile(join(directory, `.local/state/gantry/${port}.json`), 'utf8')).toContain(tokens.work);
      await announcement.withdraw();
    }
  });

  test.each(['', '/', 'relative'])('is neither written nor found without a home directory: %j', async (home) => {
    vi.stubEnv('XDG_STATE_HOME', '');
    vi.stubEnv('HOME', home);
    const refusal = { code: 'E_RUN_DIRECTORY', message: 'HOME names no home directory' };
    await expect(announce(7070, tokens)).rejects.toMatchObject(refusal);
    expect(await isAnnounced(7070)).toBe(false);
  });

  test('is refused if others can read it', async () => {
    const { url, port } = await coordinator();
    await chmod(join(directory, 'gantry', `${port}.json`), 0o644);
    await expect(localWorkToken(url)).rejects.toMatchObject({ code: 'E_AUTH' });
  });

  const isRoot = process.getuid?.() === 0;
  test.skipIf(!isRoot)(`is refused if it is another user's${isRoot ? '' : ' (skipped: needs root)'}`, async () => {
    const { url, port } = await coordinator();
    await chown(join(directory, 'gantry', `${port}.json`), 12_345, 12_345);
    const message: unknown = expect.stringMatching(/belongs to another user \(uid 12345\)/);
    await expect(localWorkToken(url)).rejects.toMatchObject({ code: 'E_AUTH', message });
  });
});

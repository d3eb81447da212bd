import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import os from 'node:os';
import { join } from 'node:path';
import type { WatchedHistory } from '@gantry/core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkerDownload } from '../network/worker-download.ts';
import { DashboardRoutes } from './dashboard-routes.ts';
import { loadPage } from './page-files.ts';
import { gridPng } from '../run/samples.ts';
import { sealedLine } from '../storage/sealed-line.ts';
import { startServer, type CoordinatorServer } from '../network/server.ts';
import { doSteps, metricsLine, watchedRun } from '../testing/watched.ts';

const STEPS = 500;
const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const right = { Authorization: `Bearer ${tokens.control}` };

let directory: string;
let server: CoordinatorServer;
const { watch, control } = watchedRun();
beforeAll(async () => {
  directory = await mkdtemp(join(os.tmpdir(), 'gantry-routes-'));
  const [run, page] = [join(directory, 'run'), join(directory, 'page')];
  await mkdir(join(run, 'samples'), { recursive: true });
  await mkdir(join(page, 'assets'), { recursive: true });
  await writeFile(join(page, 'index.html'), '<!doctype html><title>Gantry</title>');
  await writeFile(join(page, 'assets', 'index-a1b2.js'), 'export {};');
  await writeFile(join(page, 'assets', 'index-a1b2.js.map'), '{}');
  await writeFile(join(directory, 'secret.txt'), 'secret');
  await writeFile(
    join(run, 'metrics.jsonl'),
    Buffer.concat(Array.from({ length: STEPS }, (_, i) => sealedLine(metricsLine(i + 1)))),
  );
  doSteps(watch, 1, STEPS);
  for (const epoch of [0, 1]) {
    await writeFile(
      join(run, 'samples', `epoch-000${epoch}.png`),
      await gridPng({ shape: [16, 28, 28, 1], values: new Float32Array(16 * 784).fill(epoch) }),
    );
    watch.sampled(epoch);
  }
  const download = await WorkerDownload.load();
  const routes = new DashboardRoutes({ path: run, tokens, page: await loadPage(page), download, watch, control });
  const onWorker = () => undefined;
  server = await startServer({ host: '127.0.0.1', port: 0, tokens, onWorker, onRequest: routes.answer });
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = right) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { headers });

async function historyOf(query: string): Promise<WatchedHistory> {
  return (await (await get(`/api/history${query}`)).json()) as WatchedHistory;
}

describe('the page', () => {
  test('needs no token, and may do nothing but what it has to', async () => {
    const page = await get('/', {});
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html><title>Gantry</title>']);
    const headers = Object.fromEntries(page.headers);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    const policy = new Map(
      headers['content-security-policy']?.split('; ').map((directive) => {
        const [name = '', ...sources] = directive.split(' ');
        return [name, sources.join(' ')];
      }),
    );
    expect(Object.fromEntries(policy)).toMatchObject({
      'default-src': "'none'",
      'script-src': "'self' 'wasm-unsafe-eval'",
      'connect-src': "'self'",
      'frame-ancestors': "'none'",
      'base-uri': "'none'",
      'form-action': "'none'",
    });
  });

  test('its assets may be kept for ever, and are sent once', async () => {
    const asset = await get('/assets/index-a1b2.js', {});
    expect(await asset.text()).toBe('export {};');
    expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(asset.headers.get('cache-control')).toContain('immutable');
    const again = await get('/', { 'If-None-Match': (await get('/', {})).headers.get('etag') ?? '' });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  test('HEAD sends no body, POST is refused', async () => {
    const head = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '36']);
    expect((await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST' })).status).toBe(405);
  });

  test.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..\\..\\secret.txt',
    '/assets/',
    '/assets/index-a1b2.js.map',
    '/index.html/',
    '//index.html',
    '/__proto__',
    '/constructor',
  ])('nothing beside it is there: %s', async (path) => {
    // Unlike fetch, it sends the path as it is.
    const status = await new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: server.port, path, headers: right }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject).end();
    });
    expect(status).toBe(404);
  });
});

describe('who may see the run', () => {
  test.each(['/api/history', '/api/samples/0.png', '/api/samples.gif', '/api/control', '/metrics'])(
    '%s is for those with the token to watch',
    async (path) => {
      const given = [
        {},
        { Authorization: 'Bearer x' },
        { Authorization: `Bearer ${tokens.work}` },
        { 'Sec-WebSocket-Protocol': `gantry, gantry.token.${tokens.control}` },
      ];
      for (const headers of given) {
        const { status, headers: answered } = await get(path, headers);
        expect([status, answered.get('www-authenticate')]).toEqual([401, 'Bearer']);
      }
    },
  );

  test('not for the pages of others, nor under another name', async () => {
    expect((await get('/api/history', { ...right, Origin: 'http://evil.example' })).status).toBe(403);
    const status = await new Promise((resolve, reject) => {
      const headers = { ...right, Host: 'evil.example' };
      const sent = request({ host: '127.0.0.1', port: server.port, path: '/', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject).end();
    });
    expect(status).toBe(403);
  });

  test.each(['/?token=x', '/metrics?x', '/api/samples/0.png?x=1', '/api/history?token=x', '/api/history?points=0'])(
    'no unknown query: %s',
    async (path) => expect((await get(path)).status).toBe(400),
  );
});

describe('history', () => {
  test('all of it, or a part of it, downsampled', async () => {
    const lines = Array.from({ length: STEPS }, (_, i) => metricsLine(i + 1));
    expect((await historyOf('')).metrics).toEqual(lines);
    expect((await historyOf('?from=100&to=120')).metrics).toEqual(lines.slice(99, 120));
    expect((await historyOf('?points=2')).metrics).toEqual([lines[0], lines.at(-1)]);
    expect((await historyOf('?from=10&points=3')).metrics.map((line) => line.step)).toEqual([10, 266, 500]);
    expect((await historyOf('?from=400&to=900&points=5000')).metrics).toEqual(lines.slice(399));
    expect((await historyOf('?from=501')).metrics).toEqual([]);
    expect((await historyOf('?from=20&to=10')).metrics).toEqual([]);
  });

  test('is not sent again as long as nothing was added', async () => {
    const whole = (await get('/api/history')).headers.get('etag') ?? '';
    const part = (await get('/api/history?from=1&to=10')).headers.get('etag') ?? '';
    expect((await get('/api/history', { ...right, 'If-None-Match': whole })).status).toBe(304);
    expect((await get('/api/history?points=9', { ...right, 'If-None-Match': whole })).status).toBe(200);
    doSteps(watch, STEPS + 1);
    expect((await get('/api/history', { ...right, 'If-None-Match': whole })).status).toBe(200);
    const unchanged = await get('/api/history?from=1&to=10', { ...right, 'If-None-Match': `"x", W/${part}` });
    expect(unchanged.status).toBe(304);
  });
});

describe('samples', () => {
  test('a grid', async () => {
    const sample = await get('/api/samples/1.png');
    expect(sample.headers.get('content-type')).toBe('image/png');
    expect(await sharp(await sample.arrayBuffer()).metadata()).toMatchObject({ width: 448, height: 448 });
    const headers = { ...right, 'If-None-Match': sample.headers.get('etag') ?? '' };
    expect((await get('/api/samples/1.png', headers)).status).toBe(304);
  });

  test.each(['2', '01', '-1', '1e0', '0x1', '', '..%2f0', '9'.repeat(400)])('no grid of epoch %j', async (epoch) => {
    expect((await get(`/api/samples/${epoch}.png`)).status).toBe(404);
  });

  test('the real images beside, once there are some', async () => {
    expect((await get('/api/samples/real.png')).status).toBe(404);
    const samples = join(directory, 'run', 'samples');
    await copyFile(join(samples, 'epoch-0001.png'), join(samples, 'real.png'));
    const real = await get('/api/samples/real.png');
    expect([real.status, real.headers.get('content-type')]).toEqual([200, 'image/png']);
  });

  test('the animation, as far as there is one', async () => {
    const asked = await Promise.all([get('/api/samples.gif'), get('/api/samples.gif')]);
    const gifs = await Promise.all(asked.map(async (each) => Buffer.from(await each.arrayBuffer())));
    expect(asked[0]?.headers.get('content-type')).toBe('image/gif');
    expect(await sharp(gifs[0], { animated: true }).metadata()).toMatchObject({ pages: 2, delay: [150, 2000] });
    expect(gifs[1]).toEqual(gifs[0]);
    const etag = asked[0]?.headers.get('etag') ?? '';
    expect((await get('/api/samples.gif', { ...right, 'If-None-Match': etag })).status).toBe(304);
  });
});

describe('control', () => {
  const json = { ...right, 'Content-Type': 'application/json' };
  const ask = (body: string, headers: Record<string, string> = json) =>
    fetch(`http://127.0.0.1:${server.port}/api/control`, { method: 'POST', headers, body });

  test('says what it does, or why not', async () => {
    const pause = await ask('{"action":"pause"}');
    expect([pause.status, await pause.json()]).toMatchObject([200, { ok: true }]);
    const again = await ask('{"action":"pause"}');
    expect([again.status, await again.json()]).toMatchObject([
      409,
      { ok: false, message: 'The run is paused already.' },
    ]);
    expect((await ask('{"action":"resume"}', { ...json, Origin: `http://127.0.0.1:${server.port}` })).status).toBe(200);
    expect(await (await ask('{"action":"drop","worker":"nobody"}')).json()).toMatchObject({ ok: false });
  });

  test.each([
    ['not JSON', '{', json, 400],
    ['an unknown action', '{"action":"explode"}', json, 400],
    ['too much', '{"action":"pause","why":1}', json, 400],
    ['too long', JSON.stringify({ action: 'drop', worker: 'x'.repeat(5000) }), json, 413],
    ['as a form sends it', '{"action":"pause"}', { ...right, 'Content-Type': 'text/plain' }, 415],
    ['from a page of another port', '{"action":"pause"}', { ...json, Origin: 'http://127.0.0.1:1' }, 403],
    ['under another of our names', '{"action":"pause"}', { ...json, Origin: 'http://localhost' }, 403],
    ['from another site', '{"action":"pause"}', { ...json, 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['from a sandboxed frame', '{"action":"pause"}', { ...json, Origin: 'null' }, 403],
  ])('refuses what is %s', async (_, body, headers, status) => {
    expect((await ask(body, headers)).status).toBe(status);
    expect(control.paused).toBe(false);
  });

  test('is not done by GET', async () => expect((await get('/api/control')).status).toBe(405));
});

test('Prometheus reads figures of the run and of the process', async () => {
  const answer = await get('/metrics');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await answer.text()).split('\n');
  expect(lines).toContain('gantry_run_state{state="waiting"} 1');
  expect(lines).toContain(`gantry_steps_done ${watch.lastStep}`);
  expect(lines).toContain('gantry_metric{name="discriminatorLoss"} 1.25');
  expect(lines).toContain('gantry_step_seconds{phase="total"} 0.25');
  expect(lines).toContain('gantry_workers 0');
  expect(lines.some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true);
});

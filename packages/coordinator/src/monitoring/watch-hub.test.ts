import { on, once } from 'node:events';
import type { WatchMessage } from '@gantry/core';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type CoordinatorServer } from '../network/server.ts';
import { doSteps, eventLine, metricsLine, watchedRun } from '../testing/watched.ts';
import { WatchHub } from './watch-hub.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const running: CoordinatorServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start() {
  const { watch, control } = watchedRun();
  const hub = new WatchHub(watch);
  const onWatcher = (socket: WebSocket): void => hub.add(socket);
  const server = await startServer({ host: '127.0.0.1', port: 0, tokens, onWorker: () => undefined, onWatcher });
  running.push(server);
  return { watch, control, hub, server };
}

/** One who watches, as a browser would. */
class Viewer {
  readonly socket: WebSocket;
  readonly #messages: AsyncIterator<[Buffer, boolean]>;

  constructor({ url }: CoordinatorServer) {
    this.socket = new WebSocket(`${url}/watch`, ['gantry', `gantry.token.${tokens.control}`]);
    this.#messages = on(this.socket, 'message', { close: ['close'] })[Symbol.asyncIterator]() as AsyncIterator<
      [Buffer, boolean]
    >;
  }

  async next(): Promise<WatchMessage> {
    const { value, done } = await this.#messages.next();
    if (done) throw new Error('the connection was closed');
    expect(value[1]).toBe(false);
    return JSON.parse(value[0].toString()) as WatchMessage;
  }

  /** The first message to come that fits. */
  async until(fits: (message: WatchMessage) => boolean): Promise<WatchMessage> {
    for (;;) {
      const message = await this.next();
      if (fits(message)) return message;
    }
  }
}

const stepsOf = ({ metrics }: WatchMessage) => metrics.map((line) => line.step);

test('a snapshot, then what is new, each once', async () => {
  const { watch, server } = await start();
  watch.joinBy({ shell: 'npx x', powershell: 'npx x' });
  doSteps(watch, 1, 30);
  watch.happened(eventLine(1, 'before'));
  watch.sampled(0);
  const viewer = new Viewer(server);
  const snapshot = await viewer.next();
  expect(snapshot).toMatchObject({
    type: 'snapshot',
    run: { name: 'test', state: 'waiting', step: 30, totalSteps: 1000, epoch: 3, join: { shell: 'npx x' } },
    metrics: Array.from({ length: 30 }, (_, i) => metricsLine(i + 1)),
    events: [eventLine(1, 'before')],
    samples: [0],
    stalls: [],
  });
  expect(snapshot.run.averageImagesPerSecond).toBe(512);
  expect(snapshot.run.etaSeconds).toBe((970 * 128) / 512);
  expect(snapshot.timeline.map((each) => each.step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 11));
  expect(snapshot.timeline[0]).toMatchObject({
    totalMs: 240,
    shards: [
      { shard: 0, worker: 'ada', samples: 64, beginMs: 20, endMs: 220, requeued: false, duplicated: false },
      { shard: 1, worker: 'bob', duplicated: true },
    ],
  });

  doSteps(watch, 31, 32);
  watch.happened(eventLine(32, 'after'));
  watch.sampled(3);
  const update = await viewer.next();
  expect(update).toMatchObject({ type: 'update', run: { step: 32 }, events: [eventLine(32, 'after')], samples: [3] });
  expect([stepsOf(update), update.timeline.map((each) => each.step)]).toEqual([
    [31, 32],
    [31, 32],
  ]);
  doSteps(watch, 33);
  expect(stepsOf(await viewer.next())).toEqual([33]);
});

test('one who comes between two updates misses nothing and hears nothing twice', async () => {
  const { watch, server } = await start();
  const first = new Viewer(server);
  await first.next();
  const told: number[][] = [];
  for (let i = 0; i < 5; i++) {
    doSteps(watch, 10 * i + 1, 10 * i + 5);
    const late = new Viewer(server);
    const seen = stepsOf(await late.next());
    doSteps(watch, 10 * i + 6, 10 * i + 10);
    while (seen.length < 10 * i + 10) seen.push(...stepsOf(await late.next()));
    told.push(seen);
    late.socket.close();
  }
  for (const [i, seen] of told.entries()) expect(seen).toEqual(Array.from({ length: 10 * i + 10 }, (_, k) => k + 1));
});

test('at most four updates a second, and fewer while nothing happens', async () => {
  const { watch, server } = await start();
  const viewer = new Viewer(server);
  await viewer.next();
  let begin = performance.now();
  for (let i = 1; i <= 4; i++) {
    doSteps(watch, i);
    await viewer.next();
  }
  // Timers may fire a little early.
  expect(performance.now() - begin).toBeGreaterThan(3 * 240);
  begin = performance.now();
  await viewer.next();
  await viewer.next();
  expect(performance.now() - begin).toBeGreaterThan(900);
});

test('a viewer that does not read costs bounded memory, holds nobody up, and gets a snapshot when it reads again', async () => {
  const { watch, server, hub } = await start();
  const slow = new Viewer(server);
  await slow.next();
  const quick = new Viewer(server);
  await quick.next();
  slow.socket.pause();
  // 2 MB an update: the network takes some of it, the coordinator keeps a little.
  const cause = 'x'.repeat(4096);
  let done = 0;
  for (let round = 0; round < 16; round++) {
    for (let i = 0; i < 500; i++) watch.happened(eventLine(done, cause));
    doSteps(watch, ++done);
    // The quick one hears of every step.
    expect(stepsOf(await quick.until(({ metrics }) => metrics.length > 0))).toEqual([done]);
  }
  slow.socket.resume();
  const heard = { updates: 0 };
  const snapshot = await slow.until(({ type }) => type === 'snapshot' || ++heard.updates < 0);
  // What was on its way is delivered; the rest is dropped.
  expect(heard.updates).toBeLessThan(done);
  expect(stepsOf(snapshot)).toEqual(Array.from({ length: done }, (_, i) => i + 1));
  doSteps(watch, ++done);
  expect(stepsOf(await slow.until(({ metrics }) => metrics.length > 0))).toEqual([done]);
  expect(hub.viewers).toBe(2);
});

test('one who says something is shown out; with the last viewer the work ends', async () => {
  const { server, hub } = await start();
  const viewer = new Viewer(server);
  await viewer.next();
  viewer.socket.send('hello');
  const [code] = (await once(viewer.socket, 'close')) as [number];
  expect(code).toBe(1008);
  await vi.waitFor(() => expect(hub.viewers).toBe(0));
});

test('at the end all hear how it ended', async () => {
  const { watch, server, hub } = await start();
  const viewer = new Viewer(server);
  await viewer.next();
  doSteps(watch, 1, 1000);
  watch.ended({ state: 'finished', weightsDigest: 'd1' });
  hub.close();
  expect(await viewer.next()).toMatchObject({
    type: 'update',
    run: { state: 'finished', step: 1000, epoch: 100, weightsDigest: 'd1', etaSeconds: 0 },
  });
  const [code] = (await once(viewer.socket, 'close')) as [number];
  expect(code).toBe(1000);
});

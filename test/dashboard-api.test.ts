import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent, WatchMessage, WatchedHistory } from '@gantry/core';
import type { MetricsLine } from '@gantry/coordinator';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE } from './support/c-compiler.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, readJsonLines, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

/** 5 epochs of 6 steps in 2 shards each. */
const RUN = ['--epochs', '5', '--limit', '192', '--batch', '32', '--shard-size', '16', '--seed', '3'];
const STEPS = 30;

let undisturbed: string;
beforeAll(async () => {
  undisturbed = await trainedDigest(...RUN, '--workers', '0');
});

const metricsOf = (run: string) => readJsonLines<MetricsLine>(run, 'metrics.jsonl');
const typesOf = (events: readonly RecordedEvent[]) => events.map(({ type }) => type);
const workerIn = ({ workers }: WatchMessage, name: string) => workers.find((worker) => worker.name === name);

describe('steering', () => {
  it('pauses, goes on, saves, drops a worker and stops; the resumed run ends with the same bits', async () => {
    const run = join(temporaryDirectory(), 'run');
    const training = new Gantry(['train', ...RUN, '--workers', '2', '--run', run]);
    const dashboard = await Dashboard.of(training);
    const watcher = dashboard.watch();
    const attached = await watcher.until(({ workers }) => workers.length === 2);
    expect(attached.run).toMatchObject({ name: 'run', totalSteps: STEPS, epochs: 5, batch: 32, seed: 3 });
    expect(attached.workers.map(({ name }) => name).toSorted()).toEqual(['local-1', 'local-2']);
    expect(attached.workers[0]).toMatchObject({
      engine: DEFAULT_ENGINE,
      device: 'cpu',
      slots: 1,
      address: '127.0.0.1',
    });

    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: true });
    const paused = await watcher.until((message) => message.run.state === 'paused');
    const { step } = paused.run;
    // One a second, as nothing happens: longer than steps take, and than what heartbeats that stopped would allow.
    for (let i = 0; i < 5; i++) {
      const { run: state, workers } = await watcher.next();
      expect([state.state, state.step, workers.filter(({ cause }) => cause !== undefined)]).toEqual([
        'paused',
        step,
        [],
      ]);
    }
    const [worker] = (await watcher.next()).workers;
    expect(worker?.roundTripMs).toBeGreaterThan(0);
    expect(worker?.lastSeenMs).toBeLessThan(3000);
    // At least a set of weights each way.
    expect(Math.min(worker?.bytesIn ?? 0, worker?.bytesOut ?? 0)).toBeGreaterThan(10_000_000);
    expect(metricsOf(run)).toHaveLength(step);
    expect(await dashboard.control({ action: 'checkpoint' })).toEqual({
      ok: true,
      message: 'The checkpoint is written.',
    });
    expect(existsSync(join(run, 'checkpoints', `step-${String(step).padStart(8, '0')}`, 'state.json'))).toBe(true);
    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: false });

    expect(await dashboard.control({ action: 'resume' })).toMatchObject({ ok: true });
    const before = await watcher.until((message) => message.run.step > step);
    expect(await dashboard.control({ action: 'drop', worker: 'local-2' })).toMatchObject({ ok: true });
    const dropped = await watcher.until((message) => workerIn(message, 'local-2')?.cause !== undefined);
    expect(workerIn(dropped, 'local-2')).toMatchObject({ state: 'left', cause: expect.stringMatching(/^dropped/) });
    await watcher.until((message) => message.run.step > before.run.step + 1);

    expect(await dashboard.control({ action: 'stop' })).toMatchObject({ ok: true });
    await watcher.until((message) => message.run.state === 'stopped');
    expect(await watcher.closed).toBe(1000);
    const { code, stderr } = await training.finished;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/stopped; go on with: gantry train --run \S+ --resume/)]);
    const recorded = readJsonLines<RecordedEvent>(run, 'events.jsonl');
    const steering = typesOf(recorded).filter((type) => ['paused', 'continued', 'stopped'].includes(type));
    expect(steering).toEqual(['paused', 'continued', 'stopped']);
    expect(recorded.filter((event) => event.type === 'joined' && event['worker'] === 'local-2')).toHaveLength(1);
    // The pause is no part of the time that the run took.
    const next = metricsOf(run)[step]?.ms.total ?? Infinity;
    const [from, to] = ['paused', 'continued'].map((type) => recorded.find((event) => event.type === type)?.time ?? '');
    expect(next).toBeLessThan(new Date(to ?? '').getTime() - new Date(from ?? '').getTime());

    // The history goes on where it was.
    const resumed = new Gantry(['train', '--resume', '--workers', '1', '--run', run]);
    const again = (await Dashboard.of(resumed)).watch();
    const snapshot = await again.next();
    expect(snapshot.type).toBe('snapshot');
    expect(snapshot.metrics.map((line) => line.step)).toEqual(
      Array.from({ length: snapshot.run.step }, (_, i) => i + 1),
    );
    expect(snapshot.samples[0]).toBe(0);
    expect(typesOf(snapshot.events)).toEqual(expect.arrayContaining(['started', 'paused', 'continued', 'resumed']));
    const end = await again.until((message) => message.run.state === 'finished');
    expect((await resumed.finished).code).toBe(0);
    expect(end.run).toMatchObject({ step: STEPS, epoch: 5, etaSeconds: 0, weightsDigest: undisturbed });
    expect(digestOf(run)).toBe(undisturbed);
  });
});

describe('watching', () => {
  it('shows what the run records, and a worker that was killed within 2 s, with its work requeued', async () => {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...RUN, '--run', run]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const dashboard = await Dashboard.of(coordinator);
    const watcher = dashboard.watch();
    const snapshot = await watcher.next();
    expect(snapshot).toMatchObject({ type: 'snapshot', run: { state: 'waiting', step: 0, etaSeconds: null } });
    expect(snapshot.run.join.shell).toMatch(/^npx --yes http:\/\/\S+\/worker\.tgz ws:\S+$/);

    const [ada, bob] = ['ada', 'bob'].map((name) => new Gantry(['worker', url, '--threads', '1', '--name', name]));
    const busy = await watcher.until((message) => (workerIn(message, 'bob')?.shards ?? 0) > 0 && message.run.step > 3);
    expect(workerIn(busy, 'bob')).toMatchObject({
      state: expect.stringMatching(/computing|idle|late/),
      lastSeenMs: expect.any(Number),
    });
    bob?.process.kill('SIGKILL');
    const killed = performance.now();
    const left = await watcher.until((message) => workerIn(message, 'bob')?.state === 'left');
    expect(performance.now() - killed).toBeLessThan(2000);
    expect(workerIn(left, 'bob')?.cause).toBeTruthy();

    const told: MetricsLine[] = [];
    const timeline: WatchMessage['timeline'][number][] = [];
    const events: RecordedEvent[] = [...left.events];
    const end = await watcher.until((message) => {
      told.push(...message.metrics);
      timeline.push(...message.timeline);
      events.push(...message.events);
      return message.run.state === 'finished';
    });
    expect(await watcher.closed).toBe(1000);
    await Promise.all([coordinator.finished, ada?.finished]);
    expect(digestOf(run)).toBe(undisturbed);

    const recorded = metricsOf(run);
    expect(told).toEqual(recorded.slice(-told.length));
    expect(end.run.imagesPerSecond).toBe(recorded.at(-1)?.imagesPerSecond);
    const total = recorded.reduce((sum, { ms }) => sum + ms.total, 0);
    expect(end.run.averageImagesPerSecond).toBeCloseTo((5 * 192 * 1000) / total, 6);
    // Whatever bob held when it died went to ada.
    const requeued = events.filter(({ type, worker }) => type === 'requeued' && worker === 'bob');
    expect(requeued.length).toBeGreaterThan(0);
    for (const { totalMs, shards } of timeline) {
      expect(shards.map(({ samples }) => samples)).toEqual([16, 16]);
      expect(shards.every(({ beginMs, endMs }) => beginMs >= 0 && beginMs <= endMs && endMs <= totalMs)).toBe(true);
    }
    expect(workerIn(end, 'ada')?.samples).toBe(
      readJsonLines<{ worker: string; samples: number }>(run, 'work.jsonl')
        .filter(({ worker }) => worker === 'ada')
        .reduce((sum, { samples }) => sum + samples, 0),
    );
  });
});

const pseudoTerminal = isProvided('script', () => spawnSync('script', ['--version']).status === 0);
describe.skipIf(!pseudoTerminal)(`on a terminal${pseudoTerminal ? '' : ' (skipped: script is absent)'}`, () => {
  const LINE = [...TINY, '--epochs', '1', '--limit', '32', '--batch', '16', '--shard-size', '16'];
  const TRAIN = ['train', '--workers', '1'];
  const COORDINATE = ['coordinator', '--listen', '127.0.0.1:0'];
  const onTerminal = (run: string, ...options: string[]) => {
    const line = [...options, ...LINE, '--run', '"$RUN"'];
    const command = ['echo "process $$"; exec "$NODE" "$GANTRY"', ...line].join(' ');
    const env = { NODE: process.execPath, GANTRY: 'packages/gantry/bin/gantry.js', RUN: run };
    // What the terminal shows goes to standard error, where the test looks.
    return new Gantry([`exec script --quiet --return --flush --command '${command}' /dev/null >&2`], env, ['sh', '-c']);
  };

  it('the dashboard stays until Ctrl-C', async () => {
    const run = join(temporaryDirectory(), 'run');
    const training = onTerminal(run, ...TRAIN);
    const dashboard = await Dashboard.of(training);
    await training.output(/the dashboard stays; Ctrl-C ends it/);
    const { metrics } = (await (await dashboard.get('/api/history')).json()) as WatchedHistory;
    expect(metrics).toEqual(metricsOf(run));
    const gif = await sharp(await (await dashboard.get('/api/samples.gif')).arrayBuffer(), {
      animated: true,
    }).metadata();
    expect(gif.pages).toBe(2);
    expect((await dashboard.watch().next()).run).toMatchObject({ state: 'finished', weightsDigest: digestOf(run) });
    expect(await dashboard.control({ action: 'pause' })).toEqual({ ok: false, message: 'The run has ended.' });
    const [, pid = ''] = await training.output(/process (\d+)/);
    process.kill(Number(pid), 'SIGINT');
    expect((await training.finished).code).toBe(0);
  });

  it("a coordinator's stays, too, and the worker ends with the run", async () => {
    const coordinator = onTerminal(join(temporaryDirectory(), 'run'), ...COORDINATE);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    expect((await new Gantry(['worker', url, '--threads', '1']).finished).code).toBe(0);
    await coordinator.output(/the dashboard stays; Ctrl-C ends it/);
    const { run } = await (await Dashboard.of(coordinator)).watch().next();
    expect(run).toMatchObject({ state: 'finished', step: 2, etaSeconds: 0 });
    const [, pid = ''] = await coordinator.output(/process (\d+)/);
    process.kill(Number(pid), 'SIGINT');
    expect((await coordinator.finished).code).toBe(0);
  });

  it('--exit ends with the run', async () => {
    const training = onTerminal(join(temporaryDirectory(), 'run'), ...TRAIN, '--exit');
    const { code, stderr } = await training.finished;
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('the dashboard stays')]);
  });
});

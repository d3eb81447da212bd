import { join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { CPU_ENGINES, DEFAULT_ENGINE } from './support/c-compiler.ts';
import { Dashboard } from './support/dashboard.ts';
import {
  Gantry,
  digestOf,
  lineCount,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** The coordinator of an undisturbed machine does hundreds of such steps in a second: 64 in an epoch, of four shards and, at its end, two. */
const RUN = [
  ...TINY,
  '--seed',
  '7',
  '--limit',
  '1014',
  '--batch',
  '16',
  '--shard-size',
  '4',
  '--checkpoint-every',
  '10',
];
const IMAGES_PER_EPOCH = 1014;
const STEPS_PER_EPOCH = 64;
/** More than the workers have time for: runs are ended once they were disturbed. */
const ENDLESS = ['--epochs', '100000'];
/** Two epochs of four steps; their last batches of 24 are cut into shards of 16 and 8. */
const SMALL_RUN = ['--seed', '7', '--epochs', '2', '--limit', '216', '--batch', '64', '--shard-size', '16'];
const SIGINT_EXIT_CODE = 130;

const eventsOf = (path: string) => readJsonLines<RecordedEvent>(path, 'events.jsonl');
const workOf = (path: string) => readJsonLines<WorkLine>(path, 'work.jsonl');

/** A coordinator and its workers, all processes of their own. */
class Cluster {
  readonly path = join(temporaryDirectory(), 'run');
  readonly #workers = new Map<string, Gantry>();
  #coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...RUN, ...ENDLESS, '--run', this.path]);
  #url = this.#announcedUrl();

  async worker(name: string): Promise<Gantry> {
    const worker = new Gantry(['worker', await this.#url, '--threads', '1', '--name', name]);
    this.#workers.set(name, worker);
    return worker;
  }

  /** Workers that begin together: the run is paused until the last of them has joined, or steps would go by for nothing. */
  async workers(...names: readonly string[]): Promise<Gantry[]> {
    const dashboard = await Dashboard.of(this.#coordinator);
    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: true });
    const workers = await Promise.all(names.map((name) => this.worker(name)));
    await this.#joined(names, []);
    expect(await dashboard.control({ action: 'resume' })).toMatchObject({ ok: true });
    return workers;
  }

  /** Ends the coordinator and resumes the run on the same port. */
  async restartCoordinator(signal: 'SIGKILL' | 'SIGINT', ...options: string[]): Promise<void> {
    const { port } = new URL(await this.#url);
    this.#coordinator.process.kill(signal);
    const { code, stderr } = await this.#coordinator.finished;
    expect(code, stderr).toBe(signal === 'SIGKILL' ? null : SIGINT_EXIT_CODE);
    const resume = ['--run', this.path, '--resume', ...TINY_DATA, ...options];
    this.#coordinator = new Gantry(['coordinator', '--listen', `127.0.0.1:${port}`, ...resume]);
    await this.#announcedUrl();
  }

  get stepsDone(): number {
    return lineCount(this.path, 'metrics.jsonl');
  }

  /** Resolves when so many more steps are done. */
  steps(count: number): Promise<void> {
    const wanted = this.stepsDone + count;
    return whenFiles(() => this.stepsDone >= wanted);
  }

  /** Resolves when such an event is recorded. */
  event(matches: (event: RecordedEvent) => boolean): Promise<void> {
    return whenFiles(() => eventsOf(this.path).some(matches));
  }

  /** Resolves when workers that are not there, or not any more, have joined. */
  async #joined(names: readonly string[], before: readonly RecordedEvent[]): Promise<void> {
    const joined = (events: readonly RecordedEvent[], name: string) =>
      events.filter(({ type, worker }) => type === 'joined' && worker === name).length;
    await whenFiles(() => {
      const now = eventsOf(this.path);
      return names.every((name) => joined(now, name) > joined(before, name));
    });
  }

  /**
   * Lets the run end soon, with all workers that are left; asserts what is true of every run, however disturbed.
   * @param left the names of these workers
   */
  async finish(...left: string[]): Promise<void> {
    const before = eventsOf(this.path);
    // Those that come back shall find steps left, however long they take.
    const epochs = Math.ceil(this.stepsDone / STEPS_PER_EPOCH) + 2;
    await this.restartCoordinator('SIGINT', '--epochs', `${epochs}`);
    const dashboard = await Dashboard.of(this.#coordinator);
    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: true });
    await this.#joined(left, before);
    expect(await dashboard.control({ action: 'resume' })).toMatchObject({ ok: true });
    const [undisturbed, { code, stderr }, ...workers] = await Promise.all([
      trainedDigest(...RUN, '--epochs', `${epochs}`, '--workers', '0'),
      this.#coordinator.finished,
      ...left.map((name) => this.#workers.get(name)?.finished),
    ]);
    expect(code, stderr).toBe(0);
    for (const worker of workers) expect(worker?.code, worker?.stderr).toBe(0);
    expect(digestOf(this.path)).toBe(undisturbed);
    const work = workOf(this.path);
    expect(work.reduce((sum, { samples }) => sum + samples, 0)).toBe(epochs * IMAGES_PER_EPOCH);
    expect(new Set(work.map(({ step, node }) => `${step}:${node.join()}`)).size).toBe(work.length);
    const steps = readJsonLines<{ step: number }>(this.path, 'metrics.jsonl').map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: epochs * STEPS_PER_EPOCH }, (_, i) => i + 1));
  }

  async #announcedUrl(): Promise<string> {
    const [, url = ''] = await this.#coordinator.output(/worker\.tgz (ws:\S+)/);
    return url;
  }
}

describe.each(CPU_ENGINES)('the weights of the %s engine', (engine) => {
  // How shards are dealt out is the same for all engines.
  const tinyCounts = engine === DEFAULT_ENGINE ? [1, 2, 3, 5] : [5];
  it.each([
    ['the tiny model', TINY, tinyCounts],
    ['the DCGAN', [], [2]],
  ] as const)('are those of one process with any number of workers: %s', async (_, model, counts) => {
    const digest = (workers: number) =>
      trainedDigest(...model, ...SMALL_RUN, '--engine', engine, '--workers', `${workers}`);
    const single = await digest(0);
    for (const count of counts) expect(await digest(count), `${count} workers`).toBe(single);
  });
});

describe('the weights stay the same when', () => {
  it('a worker joins in the middle of the run', async () => {
    const cluster = new Cluster();
    await cluster.worker('first');
    await cluster.steps(2);
    await cluster.worker('second');
    await whenFiles(() => workOf(cluster.path).some(({ worker }) => worker === 'second'));
    await cluster.finish('first', 'second');
    expect(
      eventsOf(cluster.path).find(({ type, worker }) => type === 'joined' && worker === 'second')?.step,
    ).toBeGreaterThan(0);
    expect(new Set(workOf(cluster.path).map(({ worker }) => worker))).toEqual(new Set(['first', 'second']));
  });

  it('a worker leaves, and another is killed', async () => {
    const cluster = new Cluster();
    const [, leaves, dies] = await cluster.workers('stays', 'leaves', 'dies');
    await cluster.steps(1);
    leaves?.process.kill('SIGTERM');
    expect((await leaves?.finished)?.code).toBe(0);
    await cluster.steps(2);
    dies?.process.kill('SIGKILL');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'dies');
    await cluster.finish('stays');

    const events = eventsOf(cluster.path);
    expect(events.find(({ type, worker }) => type === 'left' && worker === 'leaves')?.['cause']).toBe(
      'it said goodbye',
    );
    expect(events.some(({ type, worker }) => type === 'left' && worker === 'dies')).toBe(true);
    const requeued = events.filter(({ type, worker }) => type === 'requeued' && worker === 'dies');
    expect(requeued.length).toBeGreaterThan(0);
    for (const { of, shard } of requeued) {
      const isOver = ([level, index]: WorkLine['node']) => Number(shard) >> level === index;
      const doneBy = workOf(cluster.path).find(({ step, node }) => step === of && isOver(node))?.worker;
      expect(doneBy).toBe('stays');
    }
  });

  it('a worker freezes for a while', async () => {
    const cluster = new Cluster();
    const [, freezes] = await cluster.workers('works', 'freezes');
    await cluster.steps(1);
    freezes?.process.kill('SIGSTOP');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'freezes');
    freezes?.process.kill('SIGCONT');
    await cluster.finish('works', 'freezes');
    const events = eventsOf(cluster.path);
    expect(events.find(({ type, worker }) => type === 'left' && worker === 'freezes')?.['cause']).toMatch(/silent for/);
    const takenOver = events.filter(
      ({ type, from }) => (type === 'duplicated' || type === 'stolen') && from === 'freezes',
    );
    expect(takenOver.length).toBeGreaterThan(0);
  });

  it('the coordinator is killed and resumed', async () => {
    const cluster = new Cluster();
    await cluster.worker('a');
    await cluster.worker('b');
    for (let i = 0; i < 2; i++) {
      await cluster.steps(25);
      await cluster.restartCoordinator('SIGKILL');
    }
    await cluster.finish('a', 'b');
    const resumed = eventsOf(cluster.path).filter(({ type }) => type === 'resumed');
    expect(resumed).toHaveLength(3);
    for (const { step } of resumed) expect(step).toBeGreaterThan(0);
  });
});

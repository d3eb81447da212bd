import { dirname, join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CPU_ENGINES } from './support/c-compiler.ts';
import {
  Gantry,
  digestOf,
  lineCount,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';

const SEED = ['--seed', '7'];
/**
 * Four epochs of six steps; their last batches of 48 are cut into shards of 32 and 16. Long enough to be struck in the middle: a step
 * takes a tenth of a second.
 */
const RUN = [
  ...SEED,
  '--epochs',
  '4',
  '--limit',
  '688',
  '--batch',
  '128',
  '--shard-size',
  '32',
  '--checkpoint-every',
  '2',
];
/** Two epochs of four steps; their last batches of 24 are cut into shards of 16 and 8. */
const SMALL_RUN = [...SEED, '--epochs', '2', '--limit', '216', '--batch', '64', '--shard-size', '16'];
const IMAGES = 4 * 688;
const STEPS = 24;

const eventsOf = (path: string) => readJsonLines<RecordedEvent>(path, 'events.jsonl');
const workOf = (path: string) => readJsonLines<WorkLine>(path, 'work.jsonl');

let undisturbed: string;
beforeAll(async () => {
  undisturbed = await trainedDigest(...RUN, '--workers', '0');
});

/** A coordinator and its workers, all processes of their own. */
class Cluster {
  readonly path = join(temporaryDirectory(), 'run');
  coordinator: Gantry;
  #url: Promise<string>;

  constructor() {
    this.coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...RUN, '--run', this.path]);
    this.#url = this.#announcedUrl();
  }

  async worker(name: string): Promise<Gantry> {
    return new Gantry(['worker', await this.#url, '--threads', '1', '--name', name]);
  }

  /** Kills the coordinator without warning and resumes the run on the same port. */
  async restartCoordinator(): Promise<void> {
    const port = new URL(await this.#url).port;
    this.coordinator.process.kill('SIGKILL');
    await this.coordinator.finished;
    this.coordinator = new Gantry(['coordinator', '--listen', `127.0.0.1:${port}`, '--run', this.path, '--resume']);
    await this.#announcedUrl();
  }

  /** Resolves when so many steps are done. */
  steps(count: number): Promise<void> {
    return whenFiles(dirname(this.path), () => lineCount(this.path, 'metrics.jsonl') >= count);
  }

  /** Resolves when such an event is recorded. */
  event(matches: (event: RecordedEvent) => boolean): Promise<void> {
    return whenFiles(dirname(this.path), () => eventsOf(this.path).some(matches));
  }

  /** Waits for the end of the run; asserts what is true of every run, however disturbed. */
  async finish(): Promise<void> {
    const { code, stderr } = await this.coordinator.finished;
    expect(code, stderr).toBe(0);
    expect(digestOf(this.path)).toBe(undisturbed);
    const work = workOf(this.path);
    expect(work.reduce((sum, { samples }) => sum + samples, 0)).toBe(IMAGES);
    expect(new Set(work.map(({ step, node }) => `${step}:${node.join()}`)).size).toBe(work.length);
    const steps = readJsonLines<{ step: number }>(this.path, 'metrics.jsonl').map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  }

  async #announcedUrl(): Promise<string> {
    const [, url = ''] = await this.coordinator.output(/gantry worker (ws:\S+)/);
    return url;
  }
}

describe.each(CPU_ENGINES)('the weights of the %s engine', (engine) => {
  let single: string;
  beforeAll(async () => {
    single = await trainedDigest(...SMALL_RUN, '--engine', engine, '--workers', '0');
  });

  it.each([1, 2, 3, 5])('are those of one process with %i workers', async (workers) => {
    expect(await trainedDigest(...SMALL_RUN, '--engine', engine, '--workers', String(workers))).toBe(single);
  });
});

describe('the weights stay the same when', () => {
  it('a worker joins in the middle of the run', async () => {
    const cluster = new Cluster();
    const first = await cluster.worker('first');
    await cluster.steps(2);
    const second = await cluster.worker('second');
    await cluster.finish();
    expect((await first.finished).code).toBe(0);
    expect((await second.finished).code).toBe(0);
    expect(
      eventsOf(cluster.path).find(({ type, worker }) => type === 'joined' && worker === 'second')?.step,
    ).toBeGreaterThan(0);
    expect(new Set(workOf(cluster.path).map(({ worker }) => worker))).toEqual(new Set(['first', 'second']));
  });

  it('a worker leaves, and another is killed', async () => {
    const cluster = new Cluster();
    const [stays, leaves, dies] = [
      await cluster.worker('stays'),
      await cluster.worker('leaves'),
      await cluster.worker('dies'),
    ];
    for (const worker of ['stays', 'leaves', 'dies']) {
      await cluster.event((event) => event.type === 'joined' && event['worker'] === worker);
    }
    const joinedAt = lineCount(cluster.path, 'metrics.jsonl');
    await cluster.steps(joinedAt + 1);
    leaves.process.kill('SIGTERM');
    expect((await leaves.finished).code).toBe(0);
    await cluster.steps(joinedAt + 3);
    dies.process.kill('SIGKILL');
    await cluster.finish();
    expect((await stays.finished).code).toBe(0);

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
    const works = await cluster.worker('works');
    const freezes = await cluster.worker('freezes');
    await cluster.event(({ type, worker }) => type === 'joined' && worker === 'freezes');
    await cluster.steps(lineCount(cluster.path, 'metrics.jsonl') + 1);
    freezes.process.kill('SIGSTOP');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'freezes');
    freezes.process.kill('SIGCONT');
    await cluster.finish();
    expect((await works.finished).code).toBe(0);
    expect((await freezes.finished).code).toBe(0);
    const events = eventsOf(cluster.path);
    expect(events.find(({ type, worker }) => type === 'left' && worker === 'freezes')?.['cause']).toMatch(
      /silent for|does not read what it is sent/,
    );
    const takenOver = events.filter(
      ({ type, from }) => (type === 'duplicated' || type === 'stolen') && from === 'freezes',
    );
    expect(takenOver.length).toBeGreaterThan(0);
  });

  it('the coordinator is killed and resumed', async () => {
    const cluster = new Cluster();
    const workers = [await cluster.worker('a'), await cluster.worker('b')];
    await cluster.steps(3);
    await cluster.restartCoordinator();
    await cluster.steps(9);
    await cluster.restartCoordinator();
    await cluster.finish();
    for (const worker of workers) expect((await worker.finished).code).toBe(0);
    const events = eventsOf(cluster.path);
    const resumed = events.filter(({ type }) => type === 'resumed');
    expect(resumed.length).toBeGreaterThan(0);
    for (const { step } of resumed) expect(step).toBeGreaterThan(0);
  });
});

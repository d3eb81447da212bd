import { join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { expect } from 'vitest';
import { Dashboard } from './dashboard.ts';
import { Gantry, digestOf, lineCount, readJsonLines, temporaryDirectory, trainedDigest, whenFiles } from './gantry.ts';
import { TINY_DATA } from './tiny.ts';

/** What a cluster trains. */
export interface ClusterRun {
  /** Options of the run, but for its epochs and where its images come from. */
  readonly options: readonly string[];
  /** `--data` and its value; a resumed run has to be told again. */
  readonly data: readonly string[];
  readonly imagesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly roundsPerStep: number;
}

/** The coordinator of an undisturbed machine does hundreds of such steps in a second: 64 in an epoch, of four shards and, at its end, two. */
const TINY_RUN: ClusterRun = {
  options: '--model tiny --seed 7 --limit 1014 --batch 16 --shard-size 4 --checkpoint-every 10'.split(' '),
  data: TINY_DATA,
  imagesPerEpoch: 1014,
  stepsPerEpoch: 64,
  roundsPerStep: 1,
};
/** More than the workers have time for: runs are ended once they were disturbed. */
const ENDLESS = ['--epochs', '100000'];
const SIGINT_EXIT_CODE = 130;

export const eventsOf = (path: string) => readJsonLines<RecordedEvent>(path, 'events.jsonl');
export const workOf = (path: string) => readJsonLines<WorkLine>(path, 'work.jsonl');

/** A coordinator and its workers, all processes of their own, that are disturbed. */
export class Cluster {
  readonly path = join(temporaryDirectory(), 'run');
  readonly #run: ClusterRun;
  readonly #options: readonly string[];
  readonly #workers = new Map<string, Gantry>();
  #coordinator: Gantry;
  readonly #url: Promise<string>;

  /** @param options of the run, beside those that all of these runs have */
  constructor(options: readonly string[] = [], run = TINY_RUN) {
    this.#run = run;
    this.#options = [...run.options, ...run.data, ...options];
    this.#coordinator = new Gantry([
      'coordinator',
      '--listen',
      '127.0.0.1:0',
      ...this.#options,
      ...ENDLESS,
      '--run',
      this.path,
    ]);
    this.#url = this.#announcedUrl();
  }

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
    const resume = ['--run', this.path, '--resume', ...this.#run.data, ...options];
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
   * @param signal what the coordinator is ended by before it resumes the run for the last time
   * @returns the epochs of the run, and the digest of its weights, which is that of an undisturbed run without workers
   */
  async finish(
    left: readonly string[],
    signal: 'SIGKILL' | 'SIGINT' = 'SIGINT',
  ): Promise<{ epochs: number; digest: string }> {
    const { stepsPerEpoch, imagesPerEpoch, roundsPerStep } = this.#run;
    const before = eventsOf(this.path);
    // Those that come back shall find steps left, however long they take.
    const epochs = Math.ceil(this.stepsDone / stepsPerEpoch) + 2;
    await this.restartCoordinator(signal, '--epochs', `${epochs}`);
    const dashboard = await Dashboard.of(this.#coordinator);
    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: true });
    await this.#joined(left, before);
    expect(await dashboard.control({ action: 'resume' })).toMatchObject({ ok: true });
    const [undisturbed, { code, stderr }, ...workers] = await Promise.all([
      trainedDigest(...this.#options, '--epochs', `${epochs}`, '--workers', '0'),
      this.#coordinator.finished,
      ...left.map((name) => this.#workers.get(name)?.finished),
    ]);
    expect(code, stderr).toBe(0);
    for (const worker of workers) expect(worker?.code, worker?.stderr).toBe(0);
    expect(digestOf(this.path)).toBe(undisturbed);
    const work = workOf(this.path);
    expect(work.reduce((sum, { samples }) => sum + samples, 0)).toBe(epochs * imagesPerEpoch);
    // Lines of work do not say which round of a step they are of.
    if (roundsPerStep === 1)
      expect(new Set(work.map(({ step, node }) => `${step}:${node.join()}`)).size).toBe(work.length);
    const steps = readJsonLines<{ step: number }>(this.path, 'metrics.jsonl').map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: epochs * stepsPerEpoch }, (_, i) => i + 1));
    return { epochs, digest: undisturbed };
  }

  async #announcedUrl(): Promise<string> {
    const [, url = ''] = await this.#coordinator.output(/worker\.tgz (ws:\S+)/);
    return url;
  }
}

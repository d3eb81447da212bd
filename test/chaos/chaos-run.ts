import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '@gantry/core';
import { Gantry, temporaryDirectory } from '../support/gantry-process.ts';
import { digestOf, lineCount, readJsonLines, readToken, whenFiles } from '../support/run-files.ts';
import { isProvided } from '../support/requirements.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { TINY, TINY_DATA } from '../support/tiny.ts';
import { within } from '../support/within.ts';
import { checkRun, type CheckedRun } from './check-run.ts';
import { ChaosCluster } from './cluster.ts';
import { CoordinatorSlot, lastWords } from './coordinator-slot.ts';
import { coordinatorKillsOf, planFaults, type FaultKind } from './faults.ts';
import { freePort } from './free-port.ts';
import { SlowLink } from './slow-link.ts';
import type { ChaosContext } from './slot.ts';
import { WorkerSlot } from './worker-slot.ts';

const WORKERS = 4;
/** The last workers connect through one each. */
const LINKS = 2;
/** Epochs of 64 steps; their last batches of 6 are cut into shards of 4 and 2. */
const SIZES = [...TINY, '--limit', '1014', '--batch', '16', '--shard-size', '4'];
const STEPS_PER_EPOCH = 64;
/** Ample for the run's record. */
const DISK_SIZE = '512m';
/** Checkpoints are not at the ends of epochs alone. */
const CHECKPOINTS = ['--checkpoint-every', '5'];
const ENDLESS = ['--epochs', '100000'];

const FIRST_STEP_LIMIT_MS = 120_000;
const SETTLE_LIMIT_MS = 180_000;
/** From the end of all faults: a worker looks every ten seconds at most whether its coordinator is back. */
const RETURN_LIMIT_MS = 60_000;
/** For one epoch or two. */
const FINISH_LIMIT_MS = 300_000;
/** For as many epochs as the run had. */
const REFERENCE_LIMIT_MS = 3_600_000;
/** With fewer kills of workers, it can be that none of them had work. */
const TELLING_KILLS = 3;

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  /** As of `gantry coordinator`. */
  readonly localSteps: string;
  readonly wire: string;
}

export interface ChaosOutcome {
  readonly struck: ReadonlyMap<FaultKind, number>;
  readonly coordinatorKills: number;
  readonly coordinatorResumes: number;
  /** How often garbage got into a stream. */
  readonly spoiled: number;
  readonly checked: CheckedRun;
  readonly referenceDigest: string;
}

/** A run under faults, from its start to the comparison with an undisturbed one. */
export class ChaosRun {
  /** Holds all files of the chaos. */
  readonly directory = temporaryDirectory();
  /** What went wrong, a line each. */
  readonly violations: string[] = [];
  readonly #options: ChaosOptions;
  /** Where the run is; undefined where this machine permits none. */
  readonly #disk = isProvided('mount', () => SmallDisk.isAvailable) ? new SmallDisk(DISK_SIZE) : undefined;
  readonly #path = join(this.#disk?.path ?? this.directory, 'run');
  readonly #beginMs = performance.now();
  readonly #failure = new AbortController();
  readonly #processes = new Map<string, Gantry>();
  readonly #context: ChaosContext;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#context = {
      signal: this.#failure.signal,
      say: (text) => this.#say(text),
      fail: (problem) => this.#fail(problem),
      started: (name, process) => void this.#processes.set(name, process),
    };
  }

  /** @throws Error if it cannot come to an end */
  async run(): Promise<ChaosOutcome> {
    const port = await freePort();
    const links = await Promise.all(Array.from({ length: LINKS }, () => SlowLink.open(port)));
    const allowedHosts = links.map((link) => `127.0.0.1:${link.port}`);
    const coordinator = new CoordinatorSlot(this.#context, { run: this.#path, port, allowedHosts });
    coordinator.launch(...SIZES, ...this.#kind, ...CHECKPOINTS, ...ENDLESS);
    await coordinator.ready();
    const token = readToken(this.#path);
    const workers = this.#launchWorkers([port, ...links.map((link) => link.port)], token);
    const target = { url: `ws://127.0.0.1:${port}`, token };
    const cluster = new ChaosCluster(this.#context, { coordinator, workers, links, target, disk: this.#disk });
    await within(FIRST_STEP_LIMIT_MS, 'the first step', this.#unlessFailed(whenFiles(() => this.#steps > 0)));
    await this.#disturb(cluster);
    this.#say('all is healed');
    await within(RETURN_LIMIT_MS, 'the return of all workers', this.#unlessFailed(this.#allBack(workers)));
    await this.#finish(coordinator, workers);
    for (const link of links) link.close();
    const checked = await checkRun(this.#path);
    const referenceDigest = await this.#undisturbed(checked.epochs);
    const outcome = {
      struck: cluster.struck,
      coordinatorKills: coordinator.kills,
      coordinatorResumes: coordinator.resumes,
      spoiled: links.reduce((sum, { spoiled }) => sum + spoiled, 0),
      checked,
      referenceDigest,
    };
    this.#judge(outcome);
    return outcome;
  }

  /** Writes what each process said into files. @returns their directory */
  writeLogs(): string {
    const logs = join(this.directory, 'logs');
    mkdirSync(logs, { recursive: true });
    for (const [name, { stderr }] of this.#processes) writeFileSync(join(logs, `${name}.log`), stderr);
    if (this.#disk && existsSync(this.#path)) {
      const filter = (source: string) => !source.endsWith('.sock');
      cpSync(this.#path, join(this.directory, 'run'), { recursive: true, filter });
    }
    return logs;
  }

  /** Gives the disk back, with what is on it. */
  unmount(): void {
    this.#disk?.remove();
  }

  get #kind(): string[] {
    const { seed, localSteps, wire } = this.#options;
    return ['--seed', String(seed), '--local-steps', localSteps, '--wire', wire];
  }

  get #steps(): number {
    return lineCount(this.#path, 'metrics.jsonl');
  }

  /** @param ports the coordinator's own and those of the links */
  #launchWorkers(ports: readonly number[], token: string): WorkerSlot[] {
    const [direct, ...linked] = ports;
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      const port = linked[i - (WORKERS - LINKS)] ?? direct;
      return new WorkerSlot(this.#context, `worker-${i + 1}`, `ws://127.0.0.1:${port}`, token);
    });
    for (const worker of workers) worker.launch();
    return workers;
  }

  async #disturb(cluster: ChaosCluster): Promise<void> {
    const { signal } = this.#failure;
    const { minutes, seed } = this.#options;
    const beginMs = performance.now();
    const durationMs = minutes * 60_000;
    const until = (ms: number) => delay(Math.max(0, beginMs + ms - performance.now()), undefined, { signal });
    for (const { atMs, fault } of planFaults(seed, durationMs, WORKERS, LINKS)) {
      await until(atMs);
      cluster.strike(fault);
    }
    await until(durationMs);
    this.#say('no more faults');
    await within(SETTLE_LIMIT_MS, 'the end of all faults', this.#unlessFailed(cluster.settled()));
  }

  /** Resolves when each worker has joined, of its own accord, and a step was done since. */
  async #allBack(workers: readonly WorkerSlot[]): Promise<void> {
    await whenFiles(() => {
      const present = workersPresent(readJsonLines<RecordedEvent>(this.#path, 'events.jsonl'));
      return workers.every(({ currentName }) => present.has(currentName));
    });
    const steps = this.#steps;
    await whenFiles(() => this.#steps > steps);
  }

  /** Lets the run end with the epoch after the one under way. */
  async #finish(coordinator: CoordinatorSlot, workers: readonly WorkerSlot[]): Promise<void> {
    await this.#unlessFailed(coordinator.stop());
    const epochs = Math.floor(this.#steps / STEPS_PER_EPOCH) + 2;
    this.#say(`${this.#steps} steps are done; the run is to end with epoch ${epochs}`);
    coordinator.launch('--resume', ...TINY_DATA, '--epochs', String(epochs));
    for (const worker of workers) worker.mayEnd();
    await this.#unlessFailed(coordinator.finished(FINISH_LIMIT_MS));
    await Promise.all(workers.map((worker) => worker.finished()));
  }

  async #undisturbed(epochs: number): Promise<string> {
    this.#say('the same without faults, in one process');
    const path = join(this.directory, 'undisturbed');
    const sizes = [...SIZES, ...this.#kind, '--epochs', String(epochs)];
    const reference = new Gantry(['train', '--workers', '0', ...sizes, '--run', path]);
    this.#context.started('undisturbed', reference);
    const finished = await within(REFERENCE_LIMIT_MS, 'the undisturbed run', reference.finished);
    if (finished.code !== 0) throw new Error(`the undisturbed run failed: ${lastWords(finished)}`);
    return digestOf(path);
  }

  #judge({ struck, coordinatorKills, coordinatorResumes, checked, referenceDigest }: ChaosOutcome): void {
    this.violations.push(...checked.violations);
    const planned = [...struck].reduce((sum, [kind, count]) => sum + count * coordinatorKillsOf(kind), 0);
    if (coordinatorKills !== planned)
      this.violations.push(`${coordinatorKills} of ${planned} coordinators were killed`);
    if (checked.weightsDigest !== referenceDigest)
      this.violations.push('the digest is not that of the undisturbed run');
    // A resumed run keeps what happened before the checkpoint that it goes on from, and that includes its own beginning.
    const resumed = checked.events.get('resumed') ?? 0;
    if (resumed < coordinatorResumes) {
      this.violations.push(`events.jsonl: ${resumed} resumes where there were ${coordinatorResumes}`);
    }
    if ((struck.get('worker-kill') ?? 0) < TELLING_KILLS) return;
    for (const type of ['left', 'requeued']) {
      if (!checked.events.has(type))
        this.violations.push(`events.jsonl: nothing of type ${type}: no fault took effect`);
    }
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#beginMs) / 1000).toFixed(1);
    console.log(`${seconds.padStart(7)} s  ${text}`);
  }

  #fail(problem: string): void {
    // What the first one brings down is not worth telling.
    if (this.#failure.signal.aborted) return;
    this.violations.push(problem);
    this.#say(problem);
    this.#failure.abort(new Error(problem));
  }

  /** Passes a promise on, or rejects as soon as the chaos has failed. */
  async #unlessFailed<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#failure;
    signal.throwIfAborted();
    const done = new AbortController();
    const failed = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: done.signal });
    });
    return Promise.race([promise, failed]).finally(() => done.abort());
  }
}

/** Names of the workers that have joined the coordinator of now and have not left. */
function workersPresent(events: readonly RecordedEvent[]): Set<string> {
  const present = new Set<string>();
  for (const { type, worker } of events) {
    if (type === 'started' || type === 'resumed') present.clear();
    else if (type === 'joined') present.add(String(worker));
    else if (type === 'left') present.delete(String(worker));
  }
  return present;
}

import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import {
  digestOf,
  lineCount,
  readToken,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { SlurmCluster } from './support/slurm.ts';
import { TINY } from './support/tiny.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SCRIPT = join(ROOT, 'deploy/slurm/gantry.sbatch');
const GANTRY = `${process.execPath} ${join(ROOT, 'packages/gantry/bin/gantry.js')}`;

/** Of 1024 images, six at a time: enough of them for a strike in the middle. */
const STEPS_PER_EPOCH = 171;
const RUN = [...TINY, '--epochs', '3', '--seed', '7', '--batch', '6', '--shard-size', '2'];
const NODES = ['n1', 'n2', 'n3'];
const hasSlurm = isProvided('slurm', () => SlurmCluster.isAvailable);

describe.skipIf(!hasSlurm)(`a job of Slurm${hasSlurm ? '' : ' (skipped: slurm-wlm or munge is absent)'}`, () => {
  let undisturbed: string;
  let cluster: SlurmCluster;
  beforeAll(async () => {
    undisturbed = await trainedDigest(...RUN, '--workers', '0');
    cluster = await SlurmCluster.start(NODES);
  });
  afterAll(() => cluster.machine.stop());

  class TrainingJob {
    readonly directory: string;
    readonly run: string;
    readonly id: string;

    private constructor(id: string, directory: string) {
      this.id = id;
      this.directory = directory;
      this.run = join(directory, 'run');
      onTestFailed(() => console.error(`${this.logs}\n${cluster.logs}`));
    }

    static async submit(): Promise<TrainingJob> {
      const directory = temporaryDirectory();
      const env = { GANTRY, GANTRY_RUN: join(directory, 'run'), GANTRY_WORKER: '--threads 1' };
      return new TrainingJob(await cluster.submit(directory, env, '--nodes=2-3', SCRIPT, ...RUN), directory);
    }

    /** Resolves in the middle of an epoch, where the run waits until somebody goes on or starts it again. */
    async pauses(): Promise<void> {
      for (let pauses = 1; ; pauses++) {
        const done = lineCount(this.run, 'metrics.jsonl');
        await whenFiles(() => lineCount(this.run, 'metrics.jsonl') > done);
        await this.control('pause');
        await whenFiles(() => this.happened('paused').length === pauses);
        // Between epochs, much is done that takes long.
        if ((this.happened('paused').at(-1)?.step ?? 0) % STEPS_PER_EPOCH !== 0) return;
        await this.control('resume');
      }
    }

    async control(action: 'pause' | 'resume'): Promise<void> {
      const control = readToken(this.run, 'control');
      const { firstNode } = await cluster.job(this.id);
      await cluster.machine.control(`http://${firstNode}:${20_000 + Number(this.id)}`, control, { action });
    }

    happened(...types: string[]): RecordedEvent[] {
      return readJsonLines<RecordedEvent>(this.run, 'events.jsonl').filter(({ type }) => types.includes(type));
    }

    /** Asserts that it ended as if nothing had happened. @param restarts times that Slurm started it again */
    async endsUndisturbed(restarts: number): Promise<void> {
      expect(await cluster.ended(this.id)).toMatchObject({ state: 'COMPLETED', restarts });
      expect(digestOf(this.run)).toBe(undisturbed);
    }

    /** Asserts that the run went on from where it was stopped, in the middle of an epoch. */
    wentOnWhereItWas(): void {
      const [stopped, resumed] = this.happened('stopped', 'resumed');
      expect(stopped).toMatchObject({ type: 'stopped' });
      expect(resumed).toMatchObject({ type: 'resumed', step: stopped?.step });
      expect((stopped?.step ?? 0) % STEPS_PER_EPOCH).not.toBe(0);
    }

    get logs(): string {
      const names = readdirSync(this.directory).filter((name) => name.endsWith('.log'));
      return names.map((name) => `${name}:\n${readFileSync(join(this.directory, name), 'utf8')}`).join('\n');
    }
  }

  it('goes on where it was after a preemption', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    await cluster.submit(temporaryDirectory(), {}, '--partition=urgent', `--nodes=${NODES.length}`, '--wrap=true');
    await job.endsUndisturbed(1);
    job.wentOnWhereItWas();
    expect(readdirSync(job.directory).toSorted()).toEqual([
      `gantry-${job.id}-n1.log`,
      `gantry-${job.id}-n2.log`,
      `gantry-${job.id}-n3.log`,
      `gantry-${job.id}.log`,
      'run',
    ]);
    // No log holds a token.
    for (const log of readdirSync(job.directory).filter((name) => name.endsWith('.log'))) {
      const text = readFileSync(join(job.directory, log), 'utf8');
      for (const kind of ['work', 'control'] as const) expect(text).not.toContain(readToken(job.run, kind));
    }
  });

  it('queues itself again when its time is nearly over', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    // As Slurm does by the script's --signal.
    await cluster.run('scancel', '--batch', '--signal=USR1', job.id);
    await job.endsUndisturbed(1);
    job.wentOnWhereItWas();
  });

  it('is ended by scancel with a checkpoint', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    await cluster.run('scancel', job.id);
    expect(await cluster.ended(job.id)).toMatchObject({ state: 'CANCELLED', restarts: 0 });
    expect(job.happened('stopped')).toHaveLength(1);
  });

  it('goes on without a node that dies, and starts a worker again that was killed', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    await cluster.cutPower('n2');
    const joined = job.happened('joined').map(({ worker }) => String(worker));
    const pid = joined.find((worker) => worker.startsWith('n3-'))?.slice('n3-'.length);
    await cluster.kill('n3', Number(pid));
    await whenFiles(() => job.happened('joined').length > joined.length);
    await job.control('resume');
    await job.endsUndisturbed(0);
    expect(job.happened('joined').at(-1)?.['worker']).toMatch(/^n3-/);
    cluster.boot('n2');
    await cluster.isUp('n2');
  });

  it('moves to other nodes when the first one dies', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    const { firstNode } = await cluster.job(job.id);
    await cluster.cutPower(firstNode);
    await job.endsUndisturbed(1);
    expect((await cluster.job(job.id)).firstNode).not.toBe(firstNode);
    expect(job.happened('stopped')).toEqual([]);
    expect(job.happened('resumed')).toHaveLength(1);
    cluster.boot(firstNode);
    await cluster.isUp(firstNode);
  });

  it('stops on a first node that is only cut off, and goes on elsewhere', async () => {
    const job = await TrainingJob.submit();
    await job.pauses();
    const { firstNode } = await cluster.job(job.id);
    await cluster.cutOff(firstNode);
    await job.endsUndisturbed(1);
    expect((await cluster.job(job.id)).firstNode).not.toBe(firstNode);
    job.wentOnWhereItWas();
  });
});

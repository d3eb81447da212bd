import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetricsLine } from '@gantry/coordinator';
import { withToken } from './printed-link.ts';
import { GantryProcess } from './gantry-process.ts';
import { temporaryDirectory } from './owned.ts';
import { stepsWhen } from './run-record.ts';
import { Viewers, partsOfLink } from './viewers.ts';

export const MNIST_IMAGES = 60_000;
const START_LIMIT_MS = 60_000;
const STEP_LIMIT_MS = 600_000;
/** After the first one with all workers, and after viewers have come or gone. */
const WARM_UP_STEPS = 5;
const SETTLING_STEPS = 1;
/** More than will be done: the run is ended as soon as enough is known. */
const EPOCHS = 100_000;

export interface TrainPlan {
  /** Processes of one thread each. */
  readonly workers: number;
  /** As `gantry train --device` takes it. */
  readonly device: string;
  /** Of a block. */
  readonly steps: number;
  /** Images per step. */
  readonly batch: number;
  readonly shardSize: number;
}

/** Steps of a run, one after the other, with as many viewers all the while. */
export interface TrainBlock {
  readonly viewers: number;
  readonly steps: readonly MetricsLine[];
  /** CPU time of the coordinator's process meanwhile: 1 is one core. */
  readonly coordinatorCpu: number;
  /** Updates per second and kilobytes per second that each viewer got; 0 without viewers. */
  readonly updatesPerSecond: number;
  readonly viewerKBPerSecond: number;
}

/** A `gantry train` under way. */
interface Training {
  readonly run: string;
  /** To the dashboard. */
  readonly link: string;
  /** Aborted when it ends, with its complaint. */
  readonly ended: AbortSignal;
}

/**
 * Measures a whole `gantry train` with processes and a run directory of its own, in blocks.
 * @param viewerCounts of each block, in order
 * @throws GantryError what `gantry train` gives up with, or E_TIMEOUT
 */
export async function* measureTraining(plan: TrainPlan, viewerCounts: readonly number[]): AsyncGenerator<TrainBlock> {
  const run = join(temporaryDirectory(), 'run');
  const training = new GantryProcess(['train', '--run', run, '--exit', ...optionsOf(plan)]);
  const ended = new AbortController();
  void training.finished.then(() => ended.abort(training.complaint()));
  try {
    const [, printed = ''] = await training.output(/dashboard: (.*)/, START_LIMIT_MS);
    const link = withToken(printed);
    const { workers } = plan;
    const joined = await stepsOf(run, ended.signal, (done) => (done.at(-1)?.workers ?? 0) >= workers);
    await stepsOf(run, ended.signal, ({ length }) => length >= joined.length + WARM_UP_STEPS);
    for (const viewerCount of viewerCounts) {
      yield await measureBlock({ run, link, ended: ended.signal }, plan.steps, viewerCount);
    }
  } catch (error) {
    ended.signal.throwIfAborted();
    throw error;
  } finally {
    await training.crash();
    await rm(run, { recursive: true, force: true });
  }
}

/** Epochs as long as a block: so each one holds the end of an epoch, with a sample grid and a checkpoint. */
function optionsOf({ workers, device, steps, batch, shardSize }: TrainPlan): string[] {
  const limit = batch * Math.min(steps, Math.floor(MNIST_IMAGES / batch));
  const options = { workers, device, epochs: EPOCHS, limit, batch, 'shard-size': shardSize };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

function stepsOf(run: string, ended: AbortSignal, fits: (steps: readonly MetricsLine[]) => boolean) {
  return stepsWhen(run, fits, { what: 'a step with all workers', limitMs: STEP_LIMIT_MS, signal: ended });
}

async function measureBlock({ run, link, ended }: Training, count: number, viewerCount: number): Promise<TrainBlock> {
  const viewers = await Viewers.open(link, viewerCount);
  try {
    const { length: before } = await stepsOf(run, ended, () => true);
    const { length: first } = await stepsOf(run, ended, ({ length }) => length >= before + SETTLING_STEPS);
    const from = { ...(await usageOf(link)), ...viewers.told };
    for (let step = 1; step < count; step++) await stepsOf(run, ended, ({ length }) => length >= first + step);
    const all = await stepsOf(run, ended, ({ length }) => length >= first + count);
    const to = { ...(await usageOf(link)), ...viewers.told };
    const seconds = to.atSeconds - from.atSeconds;
    const perViewer = (told: number) => told / seconds / Math.max(1, viewerCount);
    return {
      viewers: viewerCount,
      steps: all.slice(first, first + count),
      coordinatorCpu: (to.cpuSeconds - from.cpuSeconds) / seconds,
      updatesPerSecond: perViewer(to.messages - from.messages),
      viewerKBPerSecond: perViewer(to.bytes - from.bytes) / 1000,
    };
  } finally {
    viewers.close();
  }
}

/** The coordinator says what CPU time it has used, as it tells Prometheus. */
async function usageOf(link: string): Promise<{ atSeconds: number; cpuSeconds: number }> {
  const { origin, token } = partsOfLink(link);
  const headers = { Authorization: `Bearer ${token}` };
  const text = await (await fetch(`${origin}/metrics`, { headers })).text();
  const [, cpuSeconds] = /^process_cpu_seconds_total (\S+)/m.exec(text) ?? [];
  return { atSeconds: performance.now() / 1000, cpuSeconds: Number(cpuSeconds) };
}

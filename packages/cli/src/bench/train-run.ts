import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetricsLine } from '@gantry/coordinator';
import { GantryProcess } from './gantry-process.ts';
import { temporaryDirectory } from './owned.ts';
import { stepsWhen } from './run-record.ts';
import { Viewers, partsOfLink } from './viewers.ts';

export const MNIST_IMAGES = 60_000;
const START_LIMIT_MS = 60_000;
const STEP_LIMIT_MS = 600_000;
/** After the first one with all workers. */
const WARM_UP_STEPS = 5;
/** More than will be done: the run is ended as soon as enough is known. */
const EPOCHS = 100_000;

export interface TrainPlan {
  /** Processes of one thread each. */
  readonly workers: number;
  /** As `gantry train --device` takes it. */
  readonly device: string;
  /** That count. */
  readonly steps: number;
  /** Images per step. */
  readonly batch: number;
  readonly shardSize: number;
}

export interface TrainMeasurement {
  /** Of the steps that count. */
  readonly steps: readonly MetricsLine[];
  /** CPU time of the coordinator's process meanwhile: 1 is one core. */
  readonly coordinatorCpu: number;
  /** Updates per second and kilobytes per second that each viewer got; 0 without viewers. */
  readonly updatesPerSecond: number;
  readonly viewerKBPerSecond: number;
}

/**
 * Measures a whole `gantry train` with processes and a run directory of its own.
 * @throws GantryError what `gantry train` gives up with, or E_TIMEOUT
 */
export async function measureTraining(plan: TrainPlan, viewerCount: number): Promise<TrainMeasurement> {
  const run = join(temporaryDirectory(), 'run');
  const training = new GantryProcess(['train', '--run', run, '--exit', ...optionsOf(plan)]);
  const ended = new AbortController();
  void training.finished.then(() => ended.abort(training.complaint()));
  let viewers: Viewers | undefined;
  try {
    const [, link = ''] = await training.output(/dashboard: (\S+)/, START_LIMIT_MS);
    viewers = await Viewers.open(link, viewerCount);
    return await measureSteps(plan, run, ended.signal, { link, viewers });
  } catch (error) {
    ended.signal.throwIfAborted();
    throw error;
  } finally {
    viewers?.close();
    await training.crash();
    await rm(run, { recursive: true, force: true });
  }
}

/** Epochs as long as what is measured: so it holds the end of one, with a sample grid and a checkpoint. */
function optionsOf({ workers, device, steps, batch, shardSize }: TrainPlan): string[] {
  const limit = batch * Math.min(steps, Math.floor(MNIST_IMAGES / batch));
  const options = { workers, device, epochs: EPOCHS, limit, batch, 'shard-size': shardSize };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

interface Watched {
  /** To the dashboard. */
  readonly link: string;
  readonly viewers: Viewers;
}

async function measureSteps(
  { workers, steps }: TrainPlan,
  run: string,
  signal: AbortSignal,
  { link, viewers }: Watched,
): Promise<TrainMeasurement> {
  const wait = { what: `a step with ${workers} workers`, limitMs: STEP_LIMIT_MS, signal };
  const joined = await stepsWhen(run, (done) => (done.at(-1)?.workers ?? 0) >= workers, wait);
  const after = (count: number) => stepsWhen(run, (done) => done.length >= count, wait);
  const { length: first } = await after(joined.length + WARM_UP_STEPS);
  const from = { ...(await usageOf(link)), ...viewers.told };
  for (let step = 1; step < steps; step++) await after(first + step);
  const all = await after(first + steps);
  const to = { ...(await usageOf(link)), ...viewers.told };
  const seconds = to.atSeconds - from.atSeconds;
  const perViewer = (count: number) => count / seconds / Math.max(1, viewers.count);
  return {
    steps: all.slice(first, first + steps),
    coordinatorCpu: (to.cpuSeconds - from.cpuSeconds) / seconds,
    updatesPerSecond: perViewer(to.messages - from.messages),
    viewerKBPerSecond: perViewer(to.bytes - from.bytes) / 1000,
  };
}

/** The coordinator says what CPU time it has used, as it tells Prometheus. */
async function usageOf(link: string): Promise<{ atSeconds: number; cpuSeconds: number }> {
  const { origin, token } = partsOfLink(link);
  const headers = { Authorization: `Bearer ${token}` };
  const text = await (await fetch(`${origin}/metrics`, { headers })).text();
  const [, cpuSeconds] = /^process_cpu_seconds_total (\S+)/m.exec(text) ?? [];
  return { atSeconds: performance.now() / 1000, cpuSeconds: Number(cpuSeconds) };
}

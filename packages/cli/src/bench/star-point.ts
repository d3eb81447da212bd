import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GantryError } from '@gantry/core';
import type { Load, StepBegin } from './coordinator-load.ts';
import { startCoordinator, type CoordinatorProcess } from './coordinator-process.ts';
import { elapsed } from './cpu-times.ts';
import { owned, temporaryDirectory } from './owned.ts';

const LOAD = fileURLToPath(new URL('./coordinator-load.js', import.meta.url));
/** The images of a shard travel with it: few, so that weights and leaves are what counts. */
export const SHARD_SIZE = 16;
const IMAGES = 60_000;
const WARM_UP_STEPS = 3;
const POINT_MS = 120_000;

/** What is measured together. */
export interface Point {
  readonly workers: number;
  /** Per step, over all workers. */
  readonly leaves: number;
  /** How long a worker waits before it answers. */
  readonly delayMs: number;
  /** Whether the workers' frames are masked, as they are without TLS beyond loopback. */
  readonly masked: boolean;
}

/** One visit to a point. */
export interface Visit {
  readonly stepMs: readonly number[];
  /** That the coordinator's event loop worked for a step, on average: a step cannot take less. */
  readonly eventLoopMs: number;
  /** Shares of the time: 1 is one core. */
  readonly coordinatorCpu: number;
  readonly eventLoop: number;
  readonly loadCpu: number;
  /** In which the coordinator's event loop waited for a core. */
  readonly stolen: number;
  /** Shards given to a second worker: none, unless the point is spoilt. */
  readonly duplicated: number;
}

/** How long a point is measured, at least. */
export interface Patience {
  readonly steps: number;
  readonly ms: number;
}

/** Measures a point with a coordinator and workers of its own. */
export async function visit(point: Point, patience: Patience): Promise<Visit> {
  const run = join(temporaryDirectory(), 'run');
  const batch = point.leaves * SHARD_SIZE;
  // No epoch may end meanwhile, nor a checkpoint be written.
  const images = Math.min(IMAGES, batch * 1000);
  const options = { batch, 'shard-size': SHARD_SIZE, limit: images, 'checkpoint-every': IMAGES };
  const coordinator = await startCoordinator(
    ['--exit', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])],
    { run },
  );
  try {
    const begins = await stepsOf(point, coordinator, patience);
    return summarize(begins, duplicatesIn(run));
  } catch (cause) {
    const lost = coordinator.gantry.stderr.split('\n').filter((line) => / left: /.test(line));
    throw new Error(`${String(cause)}; ${lost.length} workers lost, the first: ${lost[0] ?? 'none'}`, { cause });
  } finally {
    await coordinator.gantry.crash();
  }
}

function stepsOf(point: Point, coordinator: CoordinatorProcess, patience: Patience): Promise<StepBegin[]> {
  const { workers, leaves, delayMs, masked } = point;
  const load: Load = {
    port: coordinator.port,
    token: coordinator.token,
    coordinator: coordinator.pid,
    workers,
    threads: Math.ceil(leaves / workers),
    shardSize: SHARD_SIZE,
    delayMs,
    masked,
  };
  const child = owned(fork(LOAD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  const begins: StepBegin[] = [];
  let timer: NodeJS.Timeout | undefined;
  return new Promise<StepBegin[]>((resolve, reject) => {
    timer = setTimeout(() => {
      reject(new GantryError('E_TIMEOUT', `a point was not measured within ${POINT_MS / 1000} s`));
    }, POINT_MS);
    child.on('error', reject);
    child.on('close', () => reject(new Error('the load ended')));
    child.on('message', (begin) => {
      begins.push(begin as StepBegin);
      const [first] = begins.slice(WARM_UP_STEPS);
      const last = begins.at(-1);
      if (!first || !last || begins.length <= WARM_UP_STEPS + patience.steps) return;
      if (last.atMs - first.atMs >= patience.ms) resolve(begins.slice(WARM_UP_STEPS));
    });
    child.send(load);
  }).finally(() => {
    clearTimeout(timer);
    child.kill('SIGKILL');
  });
}

function summarize(begins: readonly StepBegin[], duplicated: number): Visit {
  const [first] = begins;
  const last = begins.at(-1);
  if (!first || !last) throw new Error('no step');
  const ms = last.atMs - first.atMs;
  const coordinator = elapsed(first.coordinator, last.coordinator);
  return {
    stepMs: begins.slice(1).map(({ atMs }, i) => atMs - (begins[i]?.atMs ?? NaN)),
    eventLoopMs: coordinator.main / (begins.length - 1),
    coordinatorCpu: coordinator.process / ms,
    eventLoop: coordinator.main / ms,
    loadCpu: elapsed(first.load, last.load).process / ms,
    stolen: coordinator.stolen / ms,
    duplicated,
  };
}

function duplicatesIn(run: string): number {
  return readFileSync(join(run, 'events.jsonl'), 'utf8').split('"type":"duplicated"').length - 1;
}

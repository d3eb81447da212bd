import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Evaluation } from '@gantry/cli';
import type { Summary } from '@gantry/coordinator';
import { readJson } from '../../test/support/run-files.ts';
import { optionsOf } from '../support/json-command.ts';
import { FULL, type Settings } from './plan.ts';
import { longResultOf } from './processes.ts';
import { epochName, type TrainedRun, type Training } from './trained-run.ts';

const GANTRY = fileURLToPath(new URL('../../packages/gantry/bin/gantry.js', import.meta.url));
const WORKERS = 2;

/** @param folder that belongs to the run alone */
export function gantryRun(settings: Settings, folder: string): TrainedRun {
  const run = join(folder, 'run');
  const args = trainArguments(settings, run);
  const summaryFile = join(run, 'summary.json');
  return {
    command: commandText(args),
    get hasBegun() {
      return existsSync(join(run, 'run.json'));
    },
    async train(): Promise<Training> {
      if (existsSync(summaryFile)) {
        // It may have gone further than is asked for now.
        const { epochs, seconds } = readJson<Summary>(summaryFile);
        if (epochs >= settings.epochs) return { seconds };
      }
      const resume = this.hasBegun ? ['--resume'] : [];
      // Its tokens are announced in its own place: nobody else joins.
      const { seconds } = await gantry<Summary>([...args, ...resume], { XDG_STATE_HOME: resolve(folder) });
      return { seconds };
    },
    picturesOf: (epoch) => join(run, 'generators', epochName(epoch)),
  };
}

function trainArguments({ seed, epochs, images, batch, shardSize }: Settings, run: string): string[] {
  return [
    'train',
    ...optionsOf({ seed, epochs, batch, 'shard-size': shardSize, workers: WORKERS }),
    ...(images < FULL.images ? optionsOf({ limit: images }) : []),
    '--keep-generators',
    ...optionsOf({ 'evaluate-every': 0, run }),
    '--exit',
    '--json',
  ];
}

/** Judges what `gantry evaluate` takes, by one draw of so many pictures. */
export function judge(source: string, samples: number): Promise<Evaluation> {
  return gantry<Evaluation>(evaluateArguments(source, samples));
}

export function evaluateCommand(source: string, samples: number): string {
  return commandText(evaluateArguments(source, samples));
}

function evaluateArguments(source: string, samples: number): string[] {
  return ['evaluate', source, ...optionsOf({ samples, draws: 1 }), '--json'];
}

function gantry<T>(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<T> {
  return longResultOf<T>(process.execPath, [GANTRY, ...args], env);
}

function commandText(args: readonly string[]): string {
  return ['npx', 'gantry', ...args].join(' ');
}

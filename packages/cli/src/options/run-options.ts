import type { GivenConfig } from '@gantry/coordinator';
import { MODEL_NAMES } from '@gantry/models';
import { Option, type Command } from 'commander';
import { addOptimizerOptions, optimizerSettings, type OptimizerFlags } from './optimizer-options.ts';
import { wholeNumber } from './options.ts';
import { newRunPath, newestRunPath } from './run-paths.ts';

/** The options that every command has that runs a training. */
export interface RunFlags extends OptimizerFlags {
  readonly model?: string;
  readonly epochs?: number;
  readonly batch?: number;
  readonly shardSize?: number;
  readonly seed?: number;
  readonly limit?: number;
  readonly checkpointEvery?: number;
  readonly data?: string;
  readonly run?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly exit?: boolean;
}

export function addRunOptions(command: Command): Command {
  const withResult = command
    .addOption(new Option('--model <name>', 'what is trained (default: dcgan)').choices(MODEL_NAMES))
    .option('--epochs <n>', 'passes over the images (default: 50)', wholeNumber(1, 100_000))
    .option('--batch <images>', 'images per step over all workers (default: 256)', wholeNumber(1, 60_000))
    .option('--shard-size <images>', 'images per shard; part of the result (default: 64)', wholeNumber(2, 4096))
    .option('--seed <n>', 'seed of all randomness (default: 0)', wholeNumber(0))
    .option('--limit <images>', 'use the first images only', wholeNumber(2));
  return addOptimizerOptions(withResult)
    .option('--checkpoint-every <steps>', 'steps between checkpoints (default: 100)', wholeNumber(1))
    .option('--data <dir>', "folder with MNIST's IDX files, plain or .gz (default: the set that comes with Gantry)")
    .option('--run <dir>', 'run directory (default: runs/<date-time>, or with --resume the newest run)')
    .option('--resume', 'go on with the run from its newest checkpoint')
    .option('--exit', 'end with the run; on a terminal, the dashboard stays until Ctrl-C otherwise')
    .option('--json', 'print the summary as JSON on standard output');
}

/** What the coordinator needs to know of them. */
export function runSettings(flags: RunFlags) {
  const { model, epochs, batch, shardSize, seed, limit, checkpointEvery, resume = false, data } = flags;
  const optimizers = optimizerSettings(flags);
  const config: GivenConfig = { model, epochs, batch, shardSize, seed, limit, checkpointEvery, optimizers };
  return { path: flags.run ?? (resume ? newestRunPath() : newRunPath()), resume, config, dataDirectory: data };
}

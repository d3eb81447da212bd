import { CONVOLUTION_FORMS, type ConvolutionForm } from '@gantry/compiler/convolution-forms';
import { MODEL_NAMES } from '@gantry/models/names';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { AUDIT_ACTIONS, type AuditOptions, type ConfigSource } from '@gantry/coordinator/config';
import {
  BATCH_NORMS,
  GantryError,
  MAX_LOCAL_STEPS,
  WIRES,
  type BatchNorm,
  type TrainConfig,
  type Wire,
} from '@gantry/core';
import { configFile } from './config-file.ts';
import {
  addOptimizerOptions,
  optimizerFlagOf,
  optimizerSettings,
  optionOf,
  type OptimizerFlags,
} from './optimizer-options.ts';
import { number, share, wholeNumber } from './options.ts';
import { isModelFile } from '../model-file/is-model-file.ts';
import { newRunPath, newestRunPath } from './run-paths.ts';

/** The options that every command has that runs a training. */
export interface RunFlags extends OptimizerFlags {
  readonly model?: string;
  readonly initFrom?: string;
  readonly epochs?: number;
  readonly batch?: number;
  readonly shardSize?: number;
  readonly seed?: number;
  readonly limit?: number;
  readonly flip?: boolean;
  readonly ema?: number;
  readonly localSteps?: number;
  readonly localStepsFrom?: number;
  readonly wire?: Wire;
  readonly convolutions?: ConvolutionForm;
  readonly stopWithin?: number;
  readonly checkpointEvery?: number;
  readonly evaluateEvery?: number;
  readonly keepGenerators?: boolean;
  readonly batchNorm?: BatchNorm;
  readonly audit?: number;
  readonly auditAction?: AuditOptions['action'];
  readonly config?: string;
  readonly data?: string;
  readonly strict?: boolean;
  readonly run?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly exit?: boolean;
}

/** Where local steps are asked for without a number: few enough that a lost worker costs little. */
const LOCAL_STEPS = 16;

export function addRunOptions(command: Command): Command {
  const withResult = command
    .addOption(
      new Option(
        '--model <name>',
        `what is trained: ${MODEL_NAMES.join(', ')}, or a file of your own, such as ./my-gan.ts (default: dcgan)`,
      ).argParser(modelName),
    )
    .option('--init-from <run>', 'begin with the weights of a run or a checkpoint, where names and shapes are the same')
    .option('--epochs <n>', 'passes over the images (default: 50)', wholeNumber(1, 100_000))
    .option('--batch <images>', 'images per step over all workers (default: 256)', wholeNumber(1, 60_000))
    .option('--shard-size <images>', 'images per shard; part of the result (default: 64)', wholeNumber(2, 4096))
    .option('--seed <n>', 'seed of all randomness (default: 0)', wholeNumber(0))
    .option('--limit <images>', 'use the first images only', wholeNumber(2))
    .option('--flip', 'flip about half of the images horizontally, anew in each step; part of the result')
    .option(
      '--ema <decay>',
      "average of the generator's weights for pictures: what it keeps in a step, as 0.999",
      number,
    )
    .addOption(
      new Option(
        '--local-steps [n]',
        'steps that each shard takes by itself between two exchanges; part of the result (default: 1; without a number: 16)',
      )
        .preset(String(LOCAL_STEPS))
        .argParser(wholeNumber(1, MAX_LOCAL_STEPS)),
    )
    .option(
      '--local-steps-from <epoch>',
      'the first epoch with local steps; those before are synchronous (default: 1)',
      wholeNumber(1, 100_000),
    )
    .addOption(
      new Option('--wire <format>', 'how gradients and weights travel; part of the result (default: float32)').choices(
        WIRES,
      ),
    )
    .addOption(
      new Option(
        '--convolutions <form>',
        'how GPUs compute convolutions; part of the result (default: measured once by the first worker with one)',
      ).choices(CONVOLUTION_FORMS),
    );
  return addOptimizerOptions(withResult)
    .option(
      '--stop-within <seconds>',
      'give up the round under way when a stop has waited so long for it (default: 10)',
      wholeNumber(0, 86_400),
    )
    .option('--checkpoint-every <steps>', 'steps between checkpoints (default: 100)', wholeNumber(1))
    .option(
      '--evaluate-every <epochs>',
      'epochs between evaluations of the generator; 0: none (default: 1 on all of MNIST, more on a part of it, 0 on other images)',
      wholeNumber(0, 100_000),
    )
    .option('--keep-generators', 'keep the generator of each epoch')
    .addOption(batchNormOption('sample grids and evaluations'))
    .option('--audit <share>', 'of the units that are computed twice, to find workers that lie, as 0.02', share)
    .addOption(
      new Option(
        '--audit-action <what>',
        'when one has lied: go back to before, or go on and mark (default: rollback)',
      ).choices(AUDIT_ACTIONS),
    )
    .option('--config <file>', 'settings as JSON, with the keys of a run.json, or a whole run.json; options here win')
    .option(
      '--data <dir>',
      'images: a folder of PNG, JPEG or WebP files, images.npy or IDX files, or an .npy file (default: MNIST)',
    )
    .option('--strict', 'refuse a folder with files that cannot be decoded, instead of leaving them out')
    .option('--run <dir>', 'run directory (default: runs/<date-time>, or with --resume the newest run)')
    .option('--resume', 'go on with the run from its newest checkpoint')
    .option('--exit', 'end with the run; on a terminal, the dashboard stays until Ctrl-C otherwise')
    .option('--json', 'print the summary as JSON on standard output');
}

/** @throws InvalidArgumentError unless it is the name of a model or the path of a file */
function modelName(text: string): string {
  if (isModelFile(text) || MODEL_NAMES.some((name) => name === text)) return text;
  throw new InvalidArgumentError(`Allowed choices are ${MODEL_NAMES.join(', ')}, and files, such as ./${text}.ts.`);
}

/** @param what is drawn */
export function batchNormOption(what: string): Option {
  const text = `statistics by which ${what} are drawn: those of training, or anew for the weights (default: moving)`;
  return new Option('--batch-norm <which>', text).choices(BATCH_NORMS);
}

/** What training needs to know of them. @throws GantryError E_CONFIG if the file of --config is of no use */
export async function runSettings(flags: RunFlags) {
  const { config: file, resume = false, data, strict, audit: rate, auditAction: action } = flags;
  if (action !== undefined && rate === undefined) {
    throw new GantryError('E_CONFIG', '--audit-action belongs to --audit SHARE: give both or neither');
  }
  const config = [...(file === undefined ? [] : [await configFile(file)]), commandLine(flags)];
  return {
    run: flags.run ?? (resume ? newestRunPath() : newRunPath()),
    resume,
    model: flags.model,
    initFrom: flags.initFrom,
    config,
    data,
    strict,
    audit: rate === undefined ? undefined : { rate, action },
    stopWithinMs: flags.stopWithin === undefined ? undefined : flags.stopWithin * 1000,
  };
}

function commandLine(flags: RunFlags): ConfigSource {
  const { epochs, batch, shardSize, seed, limit, flip, ema, checkpointEvery } = flags;
  const { evaluateEvery, keepGenerators, batchNorm, localSteps, localStepsFrom, wire, convolutions } = flags;
  const ofResult = {
    epochs,
    batch,
    shardSize,
    seed,
    limit,
    flip,
    ema,
    localSteps,
    localStepsFrom,
    wire,
    convolutions,
  };
  const plain = { ...ofResult, checkpointEvery, evaluateEvery, keepGenerators, batchNorm } satisfies Partial<
    Record<keyof TrainConfig, unknown>
  >;
  return {
    settings: plain,
    inOrder: (networks) => optimizerSettings(flags, networks),
    describe(path, value) {
      const [first = '', network, ...inside] = path;
      const flag = network === undefined ? first : (optimizerFlagOf(inside) ?? inside.join('.'));
      const option = optionOf(flag);
      const name = network === undefined ? option : `${option} of the ${network}`;
      return value === undefined ? name : `${name} ${value}`;
    },
  };
}

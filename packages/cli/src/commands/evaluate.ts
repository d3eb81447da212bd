import path from 'node:path';
import { GantryError, type BatchNorm } from '@gantry/core';
import { Presets, SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { Evaluation } from '../api/evaluate.ts';
import { DecodingProgress } from '../decoding-progress.ts';
import { wholeNumber } from '../options/options.ts';
import { batchNormOption } from '../options/run-options.ts';
import { newestRunPath } from '../options/run-paths.ts';

interface EvaluateFlags {
  readonly samples?: number;
  readonly draws?: number;
  readonly seed?: number;
  readonly checkpoint?: string;
  readonly batchNorm?: BatchNorm;
  readonly data?: string;
  readonly features?: string;
  readonly json?: boolean;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('say in numbers how good the pictures of a generator are')
    .argument('[source]', 'run directory, checkpoint directory, or pictures as .npy, uint8 (default: the newest run)')
    .option(
      '--checkpoint <which>',
      "of a run: best, by the run's own evaluations, or the number of its step (default: the newest)",
    )
    .option('--samples <n>', 'pictures of a draw (default: 10000)', wholeNumber(10, 1_000_000))
    .option(
      '--draws <n>',
      'draws of so many pictures, which tell how far a figure spreads (default: 3)',
      wholeNumber(1, 100),
    )
    .option('--seed <n>', 'seed of the noise (default: 0)', wholeNumber(0))
    .addOption(batchNormOption('pictures'))
    .option('--data <dir>', 'images to compare with, as train takes them (default: those of the run, else MNIST)')
    .option('--features <dir>', 'write the features and logits that the figures follow from, as .npy')
    .option('--json', 'print the figures as JSON')
    .action(runEvaluate);
}

async function runEvaluate(given: string | undefined, flags: EvaluateFlags): Promise<void> {
  const { samples, draws, seed, batchNorm, data } = flags;
  const asked = given ?? newestRunPath();
  if (asked.endsWith('.npy')) refuseDrawing(asked, flags);
  // Loaded once nothing of the options was refused.
  const [{ evaluate }, { checkpointOf }, { evaluationText }, { featureFiles }] = await Promise.all([
    import('../api/evaluate.ts'),
    import('../api/saved-run.ts'),
    import('../evaluation-text.ts'),
    import('../feature-files.ts'),
  ]);
  const source = flags.checkpoint === undefined ? asked : await checkpointOf(asked, flags.checkpoint);
  let bar: SingleBar | undefined;
  const decoding = new DecodingProgress(process.stderr);
  let evaluation: Evaluation;
  try {
    evaluation = await evaluate(source, {
      samples,
      draws,
      seed,
      batchNorm,
      data,
      decoded: (done, total) => decoding.show(done, total),
      notice: (text) => {
        decoding.stop();
        process.stderr.write(`${text}\n`);
      },
      drawn: (pictures) => {
        decoding.stop();
        bar ??= progressBar();
        bar?.increment(pictures);
      },
      examined: flags.features === undefined ? undefined : featureFiles(path.resolve(flags.features)),
    });
  } finally {
    decoding.stop();
    bar?.stop();
  }
  if (flags.features !== undefined && evaluation.noise.features === 'patches') {
    process.stderr.write(`${flags.features}: nothing is written, as patches are no features\n`);
  }
  process.stdout.write(
    flags.json ? `${JSON.stringify({ source, ...evaluation })}\n` : evaluationText(source, evaluation),
  );
}

/** @throws GantryError E_CONFIG for options of what draws pictures, where they are there already */
function refuseDrawing(file: string, flags: EvaluateFlags): void {
  const options = {
    checkpoint: 'checkpoint',
    samples: 'samples',
    draws: 'draws',
    seed: 'seed',
    batchNorm: 'batch-norm',
  };
  const [, given] = Object.entries(options).find(([name]) => name in flags) ?? [];
  if (given !== undefined) throw new GantryError('E_CONFIG', `--${given} is for generators, and ${file} has pictures`);
}

/** On a terminal only. */
function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const format = 'evaluating | {value} pictures drawn | {duration_formatted}';
  const bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.shades_classic);
  bar.start(0, 0);
  return bar;
}

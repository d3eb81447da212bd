import { GantryError, type BatchNorm } from '@gantry/core';
import { Presets, SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { wholeNumber, wholeNumbers } from '../options/options.ts';
import { batchNormOption } from '../options/run-options.ts';
import { newestRunPath } from '../options/run-paths.ts';

/** 64 by 64 pictures of 112 pixels are as much as viewers show. */
const MAX_IN_GRID = 4096;

interface GenerateFlags {
  readonly count: number;
  readonly seed: number;
  readonly label?: readonly number[];
  readonly out: string;
  readonly best?: boolean;
  readonly batchNorm?: BatchNorm;
  readonly json?: boolean;
}

export function generateCommand(): Command {
  return new Command('generate')
    .description('draw pictures with a trained generator')
    .argument('[checkpoint]', 'run directory or checkpoint directory (default: the newest run)')
    .option('--count <n>', 'number of pictures', wholeNumber(1, 1_000_000), 16)
    .option('--seed <n>', 'seed of the noise', wholeNumber(0), 0)
    .option(
      '--label <n,…>',
      'of a model with classes: draw these, in turn, from 0 (default: all)',
      wholeNumbers(0, 255),
    )
    .option(
      '--out <file>',
      `a .png grid of ${MAX_IN_GRID} pictures at most, or .npy: uint8 [count,height,width] or [count,height,width,channels]`,
      'grid.png',
    )
    .option('--best', "take the run's best checkpoint, by its evaluations, instead of the newest")
    .addOption(batchNormOption('pictures'))
    .option('--json', 'print what was written as JSON')
    .action(runGenerate);
}

async function runGenerate(path: string | undefined, flags: GenerateFlags): Promise<void> {
  const { count, seed, label: labels, out, json, batchNorm } = flags;
  const isGrid = out.endsWith('.png');
  if (!isGrid && !out.endsWith('.npy')) {
    throw new GantryError('E_CONFIG', `--out ${out}: expected a file name that ends in .png or .npy`);
  }
  if (isGrid && count > MAX_IN_GRID) {
    const remedy = 'name a file that ends in .npy, or ask for fewer';
    throw new GantryError('E_CONFIG', `--count ${count}: a grid holds ${MAX_IN_GRID} pictures at most; ${remedy}`);
  }
  const [{ writeGrid, writeNpy }, { checkpointOf, generateInParts }] = await Promise.all([
    import('../picture-files.ts'),
    import('../api/saved-run.ts'),
  ]);
  const given = path ?? newestRunPath();
  const source = flags.best ? await checkpointOf(given, 'best') : given;
  let step = 0;
  const parts = async function* () {
    const bar = progressBar(count);
    let drawn = 0;
    try {
      for await (const part of generateInParts(source, { count, seed, labels, batchNorm })) {
        ({ step } = part);
        yield part;
        bar?.update((drawn += part.shape[0] ?? 0));
      }
    } finally {
      bar?.stop();
    }
  };
  await (isGrid ? writeGrid : writeNpy)(out, parts(), count).catch((cause: unknown) => {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new GantryError('E_CONFIG', `--out ${out}: cannot write (${cause.message})`, { cause });
  });
  if (json) process.stdout.write(`${JSON.stringify({ source, step, count, seed, ...(labels && { labels }), out })}\n`);
  else process.stdout.write(`${out}: ${count} pictures from step ${step} of ${source}\n`);
}

/** On a terminal only. */
function progressBar(count: number): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const format = 'drawing {bar} {value}/{total} pictures | ETA {eta_formatted}';
  const bar = new SingleBar({ format, hideCursor: true, barsize: 20 }, Presets.shades_classic);
  bar.start(count, 0);
  return bar;
}

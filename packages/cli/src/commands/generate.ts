import { writeFile } from 'node:fs/promises';
import { GantryError } from '@gantry/core';
import { Command } from 'commander';
import { encodeNpy } from '../npy.ts';
import { wholeNumber } from '../options/options.ts';
import { newestRunPath } from '../options/run-paths.ts';

interface GenerateFlags {
  readonly count: number;
  readonly seed: number;
  readonly out: string;
  readonly json?: boolean;
}

export function generateCommand(): Command {
  return new Command('generate')
    .description('draw pictures with a trained generator')
    .argument('[checkpoint]', 'run directory or checkpoint directory (default: the newest run)')
    .option('--count <n>', 'number of pictures', wholeNumber(1, 1_000_000), 16)
    .option('--seed <n>', 'seed of the noise', wholeNumber(0), 0)
    .option(
      '--out <file>',
      'a .png grid, or .npy: uint8 [count,height,width] or [count,height,width,channels]',
      'grid.png',
    )
    .option('--json', 'print what was written as JSON')
    .action(runGenerate);
}

async function runGenerate(checkpoint: string | undefined, { count, seed, out, json }: GenerateFlags): Promise<void> {
  if (!/\.(png|npy)$/.test(out)) {
    throw new GantryError('E_CONFIG', `--out ${out}: expected a file name that ends in .png or .npy`);
  }
  const source = checkpoint ?? newestRunPath();
  const [{ gridPng }, { generate }] = await Promise.all([import('@gantry/coordinator'), import('../api/saved-run.ts')]);
  const { step, ...pictures } = await generate(source, { count, seed });
  const file = out.endsWith('.png')
    ? await gridPng(pictures)
    : encodeNpy(
        Uint8Array.from(pictures.values, (x) => Math.round(x * 127.5 + 127.5)),
        // Grey pictures have no axis for their one channel, as MNIST has none.
        pictures.shape.at(-1) === 1 ? pictures.shape.slice(0, -1) : pictures.shape,
      );
  await writeFile(out, file).catch((cause: unknown) => {
    throw new GantryError(
      'E_CONFIG',
      `--out ${out}: cannot write (${cause instanceof Error ? cause.message : String(cause)})`,
    );
  });
  if (json) process.stdout.write(`${JSON.stringify({ source, step, count, seed, out })}\n`);
  else process.stdout.write(`${out}: ${count} pictures from step ${step} of ${source}\n`);
}

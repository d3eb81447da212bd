import { join } from 'node:path';
import { afterAll } from 'vitest';
import { Gantry, killAll, removeTemporaryDirectories, temporaryDirectory, type Finished } from './gantry-process.ts';
import { digestOf } from './run-files.ts';

export { Gantry, temporaryDirectory, type Finished } from './gantry-process.ts';
export { digestOf, lineCount, readJson, readJsonLines, readToken, whenFiles } from './run-files.ts';

afterAll(() => {
  killAll();
  removeTemporaryDirectories();
});

export async function gantry(...args: string[]): Promise<Finished> {
  return new Gantry(args).finished;
}

/** Like `gantry`, and fails unless the command succeeds. */
export async function gantryOk(...args: string[]): Promise<Finished> {
  const result = await gantry(...args);
  if (result.code !== 0) throw new Error(`gantry ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
  return result;
}

/** The weights digest of a new training with these options. */
export async function trainedDigest(...options: string[]): Promise<string> {
  const run = join(temporaryDirectory(), 'run');
  await gantryOk('train', ...options, '--run', run);
  return digestOf(run);
}

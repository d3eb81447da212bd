import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { GantryError, shellWords } from '@gantry/core';
import { Command } from 'commander';
import { thisCommand, userPath } from '../called.ts';

/** As deep below the package from here as from where the command is bundled. */
const TEMPLATES = fileURLToPath(new URL('../../templates', import.meta.url));
const FILES = ['my-gan.ts', 'pictures.mjs', 'README.md'];

export function initCommand(): Command {
  return new Command('init')
    .description('write an example of a GAN of your own, to be changed and trained')
    .argument('<folder>', 'where: made if it is not there')
    .action(init);
}

/** @throws GantryError E_CONFIG if a file is there already, before anything is written, or where nothing can be written */
async function init(folder: string): Promise<void> {
  const texts = await Promise.all(FILES.map((name) => readFile(path.join(TEMPLATES, name), 'utf8')));
  // It is called from there.
  const command = thisCommand(path.resolve(folder));
  try {
    await mkdir(folder, { recursive: true });
    const taken = await Promise.all(FILES.map((name) => isThere(path.join(folder, name))));
    const first = FILES.find((_, i) => taken[i]);
    if (first !== undefined) {
      throw new GantryError('E_CONFIG', `${path.join(folder, first)} is there already: name another folder`);
    }
    for (const [i, name] of FILES.entries()) {
      // One that has come meanwhile stays as it is.
      await writeFile(path.join(folder, name), texts[i]?.replaceAll(/^GANTRY/gm, command) ?? '', { flag: 'wx' });
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new GantryError('E_CONFIG', `${folder}: cannot write (${cause.message})`, { cause });
  }
  const go = `cd ${shellWords([userPath(folder)])} && node pictures.mjs`;
  const options = '--data pictures --batch 64 --shard-size 32 --epochs 40 --learning-rate 0.0002 --beta1 0.5 --run run';
  process.stdout.write(
    `${folder}: ${FILES.join(', ')}\ntrain it with: ${go} && ${command} train --model my-gan.ts ${options}\n`,
  );
}

async function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ENOENT'),
  );
}

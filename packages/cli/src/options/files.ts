import { readFile } from 'node:fs/promises';
import { GantryError } from '@gantry/core';

/** The text of a file that an option names. @throws GantryError E_CONFIG that names both if it cannot be read */
export async function readText(option: string, file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GantryError('E_CONFIG', `${option} ${file}: cannot read (${why})`, { cause });
  });
}

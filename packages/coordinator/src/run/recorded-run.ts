import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GantryError } from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import { parseRunJson } from './run-config.ts';

/** Of checkpoints that lie outside a run: there was no other model when nothing recorded it. */
const DEFAULT_MODEL = 'dcgan';

/**
 * The name of the model that a run directory, or a checkpoint in one, is of.
 * @throws GantryError E_CHECKPOINT if the run's record is not there or cannot be read
 */
export async function recordedModel(path: string): Promise<string> {
  for (const candidate of [resolve(path), dirname(dirname(resolve(path)))]) {
    const file = join(candidate, 'run.json');
    try {
      return parseRunJson(await readFile(file, 'utf8')).config.model;
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT' || systemErrorCode(cause) === 'ENOTDIR') continue;
      throw new GantryError('E_CHECKPOINT', `${file} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }
  return DEFAULT_MODEL;
}

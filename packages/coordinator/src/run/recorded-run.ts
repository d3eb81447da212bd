import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GantryError } from '@gantry/core';
import type { PictureEngine } from '@gantry/evaluation';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import { parseRunJson } from './run-config.ts';
import { readStoredModel, type StoredModel } from './stored-model.ts';

export interface RecordedRun {
  /** The name of its model. */
  readonly model: string;
  /** What draws its pictures. */
  readonly pictureEngine: PictureEngine;
  /** Where its images came from: a path, or a name for those that come with Gantry. */
  readonly dataSource?: string;
  /** How many of them it takes, from the first; absent: all. */
  readonly limit?: number | undefined;
  /** What the run keeps of a model that does not ship with Gantry. */
  readonly stored?: StoredModel;
}

/** Of checkpoints that lie outside a run: there was no other model when nothing recorded it. */
const UNRECORDED: RecordedRun = { model: 'dcgan', pictureEngine: 'native' };

/**
 * What is recorded of the run that a run directory, or a checkpoint in one, is of.
 * @throws GantryError E_CHECKPOINT if the run's record is not there or cannot be read
 */
export async function recordedRun(path: string): Promise<RecordedRun> {
  for (const candidate of [resolve(path), dirname(dirname(resolve(path)))]) {
    const file = join(candidate, 'run.json');
    try {
      const { config, data, program, pictures = 'onnx' } = parseRunJson(await readFile(file, 'utf8'));
      const recorded = { model: config.model, pictureEngine: pictures, dataSource: data.source, limit: config.limit };
      return program ? { ...recorded, stored: await readStoredModel(candidate, program) } : recorded;
    } catch (cause) {
      if (cause instanceof GantryError && cause.code === 'E_CHECKPOINT') throw cause;
      if (systemErrorCode(cause) === 'ENOENT' || systemErrorCode(cause) === 'ENOTDIR') continue;
      throw new GantryError('E_CHECKPOINT', `${file} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }
  return UNRECORDED;
}

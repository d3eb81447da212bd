import { join } from 'node:path';
import {
  GantryError,
  classesOf,
  manifestFromWire,
  manifestSchema,
  networkNamed,
  networkOf,
  type BatchNorm,
  type ModelManifest,
} from '@gantry/core';
import type { PictureSource } from '@gantry/evaluation';
import { z } from 'zod';
import { messageOf } from '../storage/durable-files.ts';
import { readBytes, sha256 } from '../storage/large-bytes.ts';
import type { ProgramRecord } from './own-model.ts';
import { GRID_PICTURES } from './samples.ts';

/** What a run keeps of a model that does not ship with Gantry, as data: no source of a user is run to draw pictures. */
export interface StoredModel {
  readonly manifest: ModelManifest;
  /** The network that makes pictures. */
  readonly network: string;
  /** How they are made. @throws GantryError E_CONFIG for recalibrated statistics of a network with dropout */
  readonly pictures: (batchNorm?: BatchNorm) => PictureSource;
}

const side = z.int().min(1).max(65_536);
const modelSchema = z.strictObject({
  manifest: manifestSchema,
  network: z.string(),
  noiseShape: z.array(side).max(4),
  imageShape: z.tuple([side, side, side]),
});

/**
 * Reads it.
 * @param run path of the run directory
 * @param program what its run.json says of it
 * @throws GantryError E_CHECKPOINT if a file is missing, or a byte of it is not as it was written
 */
export async function readStoredModel(run: string, program: ProgramRecord): Promise<StoredModel> {
  const read = async (name: string) => {
    const file = join(run, name);
    const bytes = await readBytes(file).catch((cause: unknown) => {
      throw new GantryError('E_CHECKPOINT', `${file} cannot be read: ${messageOf(cause)}`, { cause });
    });
    if (sha256(bytes) === program.files[name]) return bytes;
    throw new GantryError('E_CHECKPOINT', `${file} is damaged: it is not as it was written; restore it from a copy`);
  };
  const json = JSON.parse(new TextDecoder().decode(await read('model.json'))) as unknown;
  const { network: name, noiseShape, imageShape, ...stored } = modelSchema.parse(json);
  const manifest = manifestFromWire(stored.manifest);
  const network = networkNamed(manifest, name);
  const isOwn = (parameter: { readonly name: string }) => networkOf(parameter) === name;
  const movingStatistics = manifest.movingStatistics.filter(isOwn);
  const draw = await read('generator.onnx');
  const statistics = 'generator-statistics.onnx';
  const recalibrate = statistics in program.files ? await read(statistics) : undefined;
  return {
    manifest,
    network: name,
    pictures: (batchNorm = 'moving') => {
      const isRecalibrated = batchNorm === 'recalibrated' && movingStatistics.length > 0;
      if (isRecalibrated && !recalibrate) {
        throw new GantryError('E_CONFIG', `${name} has dropout: its statistics cannot be recalibrated`);
      }
      return {
        network,
        trainable: manifest.trainable.filter(isOwn),
        movingStatistics,
        noiseShape,
        imageShape,
        classes: classesOf(manifest),
        batch: GRID_PICTURES,
        draw,
        ...(isRecalibrated && recalibrate && { recalibrate }),
      };
    },
  };
}

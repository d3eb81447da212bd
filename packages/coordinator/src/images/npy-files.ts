import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GantryError, readNpy, readNpyIntegers, type ImageSet, type Labels } from '@gantry/core';
import { messageOf } from '../storage/durable-files.ts';
import { readBytes, sha256 } from '../storage/large-bytes.ts';
import type { LoadedImages } from './image-folder.ts';
import { numberLabels } from './number-labels.ts';

/** What a folder calls its array of images; a file that is named itself may have any name. */
export const NPY_IMAGES = 'images.npy';
const NPY_LABELS = 'labels.npy';

/**
 * Images of a file of NumPy: uint8 [n,height,width] or [n,height,width,channels], with `labels.npy` beside it, integers [n], where
 * there is one.
 * @throws GantryError E_DATASET if a file cannot be read or holds something else
 */
export async function loadNpy(file: string): Promise<LoadedImages> {
  const { shape, values } = readNpy(await read(file), file, 'E_DATASET');
  const images = imagesOf(shape, values, file);
  return { images, labels: await labelsBeside(file, images.count), sha256: sha256(values), source: file, notices: [] };
}

function imagesOf(shape: readonly number[], pixels: Uint8Array, file: string): ImageSet {
  const [count = 0, rows = 0, columns = 0, channels = 1] = shape;
  const isImages = (shape.length === 3 || shape.length === 4) && (channels === 1 || channels === 3);
  if (!isImages || pixels.length === 0) {
    const expected = '[n,height,width], or [n,height,width,channels] with 1 or 3 channels, was expected';
    throw new GantryError('E_DATASET', `${file}: an array [${shape.join(',')}] where ${expected}`);
  }
  return { count, rows, columns, channels, pixels };
}

async function labelsBeside(images: string, count: number): Promise<Labels | undefined> {
  const file = join(dirname(images), NPY_LABELS);
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const { shape, values } = readNpyIntegers(await read(file), file);
  if (shape.length !== 1) {
    throw new GantryError('E_DATASET', `${file}: an array [${shape.join(',')}] where [${count}] was expected`);
  }
  return numberLabels(values, count, file);
}

async function read(file: string): Promise<Uint8Array> {
  return readBytes(file).catch((cause: unknown) => {
    throw new GantryError('E_DATASET', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
}

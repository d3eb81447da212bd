import { GantryError, classesOf, type ModelManifest, type Samples } from '@gantry/core';
import { sha256 } from '../storage/large-bytes.ts';
import type { DataSet } from './data-set.ts';

/** @throws GantryError E_DATASET if a model takes labels and the images have none, or are of more classes than it knows */
export function requireLabels({ labels, source }: DataSet, manifest: ModelManifest): void {
  const classes = classesOf(manifest);
  if (classes === undefined) return;
  const what = `${source}: the model '${manifest.model}' takes labels`;
  if (!labels) {
    const remedy =
      'put the images into a folder for each class, train-labels-idx1-ubyte beside IDX images, or labels.npy beside images.npy';
    throw new GantryError('E_DATASET', `${what}, and the images have none: ${remedy}`);
  }
  if (labels.classes.length <= classes) return;
  const there = `${what} of ${classes} classes, and the images are of ${labels.classes.length}`;
  throw new GantryError('E_DATASET', `${there}: leave some out, or train a model of as many classes`);
}

/** The sha256 of the labels that a model is trained with, a byte each; undefined where it takes none. */
export function labelsSha256({ labels }: DataSet, manifest: ModelManifest): string | undefined {
  if (!labels || classesOf(manifest) === undefined) return undefined;
  return sha256(Uint8Array.from(labels.values));
}

/** The images as they are sent: where the model takes labels, each with the place of its class behind its pixels, one byte. */
export function samplesOf({ images, labels }: Pick<DataSet, 'images' | 'labels'>, manifest: ModelManifest): Samples {
  const { count, pixels } = images;
  if (!labels || classesOf(manifest) === undefined) return { count, bytes: pixels };
  const size = pixels.length / count;
  const bytes = new Uint8Array(pixels.length + count);
  for (let i = 0; i < count; i++) {
    bytes.set(pixels.subarray(i * size, (i + 1) * size), i * (size + 1));
    bytes[i * (size + 1) + size] = labels.values[i] ?? 0;
  }
  return { count, bytes };
}

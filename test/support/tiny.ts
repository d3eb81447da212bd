import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './gantry-process.ts';

/** As many as the data set of `TINY` has. */
const TINY_IMAGES = 1024;
const SIDE = 8;
const IDX_IMAGES = 0x0803;

/** Writes grey images of 8×8, no two alike and always the same, as MNIST's are kept. @returns the folder */
function writeImages(): string {
  const file = Buffer.alloc(16 + TINY_IMAGES * SIDE * SIDE);
  [IDX_IMAGES, TINY_IMAGES, SIDE, SIDE].forEach((value, i) => file.writeUInt32BE(value, 4 * i));
  // Multiplied by the golden ratio's fraction, the numbers spread evenly over 32 bits (Knuth).
  for (let i = 16; i < file.length; i++) file[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'train-images-idx3-ubyte'), file);
  return directory;
}

/** Where the images of `TINY` come from: a resumed run has to be told again. */
export const TINY_DATA: readonly string[] = ['--data', writeImages()];

/**
 * For `gantry train` and `gantry coordinator`, where the subject is not the model: a GAN of 443 parameters whose steps take
 * milliseconds, where those of the tutorial's take seconds on a machine that is busy with other tests.
 */
export const TINY: readonly string[] = ['--model', 'tiny', ...TINY_DATA];

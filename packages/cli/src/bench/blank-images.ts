import { open } from 'node:fs/promises';
import { join } from 'node:path';

const IDX_MAGIC = 0x00000803;
const SIDE = 28;

/** Writes a data set of empty images, which take no room on disk. @param directory that `--data` names then */
export async function writeBlankImages(directory: string, count: number): Promise<void> {
  const header = Buffer.alloc(16);
  [IDX_MAGIC, count, SIDE, SIDE].forEach((value, i) => header.writeUInt32BE(value, 4 * i));
  const file = await open(join(directory, 'train-images-idx3-ubyte'), 'w');
  try {
    await file.write(header);
    await file.truncate(header.length + count * SIDE * SIDE);
  } finally {
    await file.close();
  }
}

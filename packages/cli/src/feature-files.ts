import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Examination } from '@gantry/evaluation';
import { GantryError, npyHeader } from '@gantry/core';

/**
 * Writes what a classifier tells of held-out images and of each draw's pictures: `real-features.npy` [count,64] and
 * `real-logits.npy` [count,10], and the same for `draw-0` and so on, all float32.
 */
export function featureFiles(folder: string): (draw: number, examination: Examination) => Promise<void> {
  return async (draw, { real, last }) => {
    try {
      await mkdir(folder, { recursive: true });
      for (const [name, told] of [
        ['real', real],
        [`draw-${draw}`, last],
      ] as const) {
        if (!told) continue;
        await writeRows(join(folder, `${name}-features.npy`), told.features, told.count);
        await writeRows(join(folder, `${name}-logits.npy`), told.logits, told.count);
      }
    } catch (cause) {
      throw new GantryError('E_CONFIG', `--features ${folder}: cannot write (${String(cause)})`, { cause });
    }
  };
}

async function writeRows(file: string, values: Float32Array, count: number): Promise<void> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  await writeFile(file, Buffer.concat([npyHeader([count, values.length / count], '<f4'), bytes]));
}

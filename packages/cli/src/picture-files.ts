import { open, rename, rm, writeFile } from 'node:fs/promises';
import { gridPng } from '@gantry/coordinator';
import { npyHeader } from '@gantry/core';
import { joinedPictures, type Pictures } from '@gantry/evaluation';

/** Writes so many pictures as one grid; they are all in memory. */
export async function writeGrid(file: string, parts: AsyncIterable<Pictures>, count: number): Promise<void> {
  await writeFile(file, await gridPng(await joinedPictures(parts, count)));
}

/** Writes so many pictures as a uint8 array, a part at a time: until the last one, to a file beside. */
export async function writeNpy(file: string, parts: AsyncIterable<Pictures>, count: number): Promise<void> {
  const unfinished = `${file}.part`;
  const handle = await open(unfinished, 'w');
  try {
    let begun = false;
    for await (const { shape, values } of parts) {
      if (!begun) await handle.write(npyHeader(npyShape(shape, count)));
      begun = true;
      await handle.write(Uint8Array.from(values, (x) => Math.round(x * 127.5 + 127.5)));
    }
    await handle.close();
    await rename(unfinished, file);
  } catch (error) {
    await handle.close();
    await rm(unfinished);
    throw error;
  }
}

/** Grey pictures have no axis for their one channel, as MNIST has none. */
function npyShape([, ...picture]: readonly number[], count: number): number[] {
  return [count, ...(picture.at(-1) === 1 ? picture.slice(0, -1) : picture)];
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { temporaryDirectory } from './gantry-process.ts';

const FORMATS = ['png', 'jpeg', 'webp'] as const;
const CLASSES = ['discs', 'squares', 'stripes'];

/** Pictures in colours, of three classes, formats and sizes; no two alike and always the same. @returns the folder */
export async function colourPictures(count: number): Promise<string> {
  const folder = temporaryDirectory();
  for (let i = 0; i < count; i++) {
    const format = FORMATS[i % 3] ?? 'png';
    const [width, height] = [16 + ((i * 7) % 23), 16 + ((i * 5) % 17)];
    const pixels = new Uint8Array(width * height * 3);
    for (let at = 0; at < pixels.length; at++) {
      const [channel, pixel] = [at % 3, Math.floor(at / 3)];
      const [x, y] = [(pixel % width) / width, Math.floor(pixel / width) / height];
      const shapes = [Math.hypot(x - 0.5, y - 0.5) < 0.3, Math.max(x, y) < 0.6, Math.floor(8 * x) % 2 === 0];
      const ink = 60 + ((i * (29 + 40 * channel)) % 190);
      pixels[at] = shapes[i % 3] === true ? ink : 255 - ink / 2 - 20 * channel;
    }
    const file = join(folder, CLASSES[i % 3] ?? '', `${i}.${format === 'jpeg' ? 'jpg' : format}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .toFormat(format)
        .toBuffer(),
    );
  }
  return folder;
}

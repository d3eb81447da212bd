import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { GantryError, type ImageSet, type ImageShape } from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import type { ImageFile } from './list-images.ts';
import type { Sharp } from './sharp.ts';

const FORMATS: readonly string[] = ['png', 'jpeg', 'webp'];
/** Behind what is transparent. */
const WHITE = '#ffffff';

/** Images as they are trained with, and what became of their files. */
export interface Decoded {
  readonly images: ImageSet;
  /** Files that gave none, by their place in the list, with why. */
  readonly undecoded: readonly (readonly [place: number, reason: string])[];
  /** Places of files that had fewer pixels, on either side. */
  readonly enlarged: readonly number[];
  /** Whether the same files would give the same again: none was there without being read. */
  readonly isLasting: boolean;
}

export interface DecodeOptions {
  /** What images are brought to. */
  readonly shape: ImageShape;
  /** Told after each file. */
  readonly decoded?: ((done: number, total: number) => void) | undefined;
  /** Aborted: nothing is given. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decodes files, as many at a time as there are cores; memory is that of the result and of the files under way.
 * @throws GantryError E_DATASET where the result does not fit into memory
 * @throws the signal's reason
 */
export async function decodeImages(
  sharp: Sharp,
  files: readonly ImageFile[],
  { shape, decoded, signal }: DecodeOptions,
): Promise<Decoded> {
  const [rows, columns, channels] = shape;
  const size = rows * columns * channels;
  const pixels = allocate(files.length, shape);
  const undecoded: [number, string][] = [];
  const enlarged: number[] = [];
  let [next, done] = [0, 0];
  let isLasting = true;
  const decodeSome = async () => {
    for (let place = next++; place < files.length; place = next++) {
      signal?.throwIfAborted();
      try {
        const image = await decodeImage(sharp, await readFile(files[place]?.path ?? ''), shape);
        pixels.set(image.pixels, place * size);
        if (image.isEnlarged) enlarged.push(place);
      } catch (cause) {
        undecoded.push([place, reasonOf(cause)]);
        if (systemErrorCode(cause) !== undefined) isLasting = false;
      }
      decoded?.(++done, files.length);
    }
  };
  const threads = sharp.concurrency();
  try {
    // Files are decoded side by side: threads for one would only take turns.
    sharp.concurrency(1);
    await Promise.all(Array.from({ length: availableParallelism() }, decodeSome));
  } finally {
    sharp.concurrency(threads);
  }
  undecoded.sort(([a], [b]) => a - b);
  enlarged.sort((a, b) => a - b);
  const count = closeGaps(
    pixels,
    size,
    undecoded.map(([place]) => place),
  );
  return {
    images: { count, rows, columns, channels, pixels: pixels.subarray(0, count * size) },
    undecoded,
    enlarged,
    isLasting,
  };
}

/**
 * One image: the first of several frames, upright as its EXIF says, on white, of 8 bits, in sRGB or grey, scaled to cover the size
 * and cut around its centre.
 * @throws Error that says why there is none
 */
async function decodeImage(sharp: Sharp, file: Uint8Array, [height, width, channels]: ImageShape) {
  if (file.length === 0) throw new Error('empty');
  const image = sharp(file, { failOn: 'error', pages: 1 });
  const { format, autoOrient } = await image.metadata();
  if (!FORMATS.includes(format)) throw new Error(`${format}, where PNG, JPEG or WebP was expected`);
  const pixels = await image
    .autoOrient()
    .flatten({ background: WHITE })
    .resize(width, height, { fit: 'cover', position: 'centre' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
  if (pixels.length !== height * width * channels) {
    throw new Error(`${pixels.length} bytes of ${height}×${width}×${channels}`);
  }
  return { pixels, isEnlarged: autoOrient.height < height || autoOrient.width < width };
}

function allocate(count: number, shape: ImageShape): Uint8Array {
  const bytes = count * shape[0] * shape[1] * shape[2];
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    const what = `${count} images of ${shape.join('×')} take ${bytes} bytes of memory, more than there is`;
    throw new GantryError('E_DATASET', `${what}: use fewer images`, { cause });
  }
}

/** Moves images together over the places that have none. @returns the number of images */
function closeGaps(pixels: Uint8Array, size: number, gaps: readonly number[]): number {
  const total = pixels.length / size;
  gaps.forEach((gap, i) => {
    const end = gaps[i + 1] ?? total;
    pixels.copyWithin((gap - i) * size, (gap + 1) * size, end * size);
  });
  return total - gaps.length;
}

function reasonOf(cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code !== undefined) return `cannot be read: ${code}`;
  const [line = ''] = messageOf(cause).trim().split('\n');
  // libvips tells of a file in a buffer.
  return /unsupported image format/.test(line) ? 'not a PNG, JPEG or WebP' : line;
}

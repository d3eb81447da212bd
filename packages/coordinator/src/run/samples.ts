import type { Pictures } from '@gantry/evaluation';
import { loadSharp } from '../images/sharp.ts';
import { writeFileDurably } from '../storage/durable-files.ts';

/** The longer side of a picture in a grid is scaled up to about this many pixels. */
const SHOWN_SIDE = 112;
/** Pictures in a sample grid, and in one run of the compiled generator. */
export const GRID_PICTURES = 16;
const FRAME_MS = 150;
const LAST_FRAME_MS = 2000;
/** Longer runs show every n-th epoch: more frames are minutes to encode, and too many for the decoder. */
const MAX_FRAMES = 1000;

/**
 * A grid of pictures as a PNG, row by row: 16 of 28×28 give 4×4, 448×448 pixels.
 * @param across pictures in a row; default: as nearly square as their number allows
 * @throws TypeError unless the pictures have 1 or 3 channels
 * @throws GantryError E_ENGINE without sharp
 */
export async function gridPng({ shape, values }: Pictures, across = nearlySquare(shape)): Promise<Uint8Array> {
  const [count = 0, rows = 0, columns = 0, channels = 1] = shape;
  if (channels !== 1 && channels !== 3) throw new TypeError(`pictures of ${channels} channels cannot be shown`);
  const width = across * columns;
  const height = Math.ceil(count / across) * rows;
  const pixels = new Uint8ClampedArray(height * width * channels); // rounds and clamps
  const rowSize = columns * channels;
  for (let picture = 0; picture < count; picture++) {
    for (let row = 0; row < rows; row++) {
      const from = (picture * rows + row) * rowSize;
      const y = Math.floor(picture / across) * rows + row;
      const to = (y * width + (picture % across) * columns) * channels;
      for (let i = 0; i < rowSize; i++) pixels[to + i] = (values[from + i] as number) * 127.5 + 127.5;
    }
  }
  const scale = Math.max(1, Math.round(SHOWN_SIDE / Math.max(rows, columns)));
  const sharp = await loadSharp();
  const image = sharp(pixels, { raw: { width, height, channels } }).resize(width * scale, height * scale, {
    kernel: 'nearest',
  });
  return (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer();
}

function nearlySquare([count = 0]: readonly number[]): number {
  return Math.ceil(Math.sqrt(count));
}

/** Tells pictures that can be read as a whole from those that cannot. @param pngs paths */
export async function sortPictures(
  pngs: readonly string[],
): Promise<{ readonly readable: string[]; readonly unreadable: string[] }> {
  const sharp = await loadSharp();
  const [readable, unreadable]: [string[], string[]] = [[], []];
  for (const png of pngs) {
    const isReadable = await sharp(png)
      .stats()
      .then(
        () => true,
        () => false,
      );
    (isReadable ? readable : unreadable).push(png);
  }
  return { readable, unreadable };
}

/** Writes an animated GIF, see `encodeGif`. @throws GantryError E_RUN_DIRECTORY */
export async function writeGif(pngs: readonly string[], out: string): Promise<void> {
  await writeFileDurably(out, await encodeGif(pngs));
}

/**
 * An animated GIF that loops for ever: 150 ms per picture, the last one held for 2 s.
 * @param pngs paths of at least one picture, all of one size; of more than 1000, evenly chosen ones are shown
 */
export async function encodeGif(pngs: readonly string[]): Promise<Buffer> {
  const stride = Math.ceil(pngs.length / MAX_FRAMES);
  // Counted from the end: the last picture is always shown.
  const frames = pngs.filter((_, i) => (pngs.length - 1 - i) % stride === 0);
  const delay = frames.map((_, i) => (i === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS));
  const sharp = await loadSharp();
  // sharp reads a picture when its turn comes; it joins no fewer than two.
  const animation = frames.length === 1 ? sharp(frames[0]) : sharp(frames, { join: { animated: true } });
  // Left alone, sharp takes joined grey pictures for their own alpha channel. More effort chooses colours better, and is
  // not needed: greys are off by 1 of 256 at most.
  return animation.removeAlpha().gif({ delay, loop: 0, dither: 0, effort: 1, keepDuplicateFrames: true }).toBuffer();
}

import { IMAGE_PIXELS, IMAGE_SIDE } from '@gantry/core';
import sharp from 'sharp';
import { writeFileDurably } from '../storage/durable-files.ts';

/** Pixels of the file per pixel of a picture, in each direction. */
const SCALE = 4;
const FRAME_MS = 150;
const LAST_FRAME_MS = 2000;
/** Longer runs show every n-th epoch: more frames are minutes to encode, and too many for the decoder. */
const MAX_FRAMES = 1000;

/**
 * A grid of pictures as a grey PNG, row by row, as nearly square as their number allows: 16 give 4×4, 448×448 pixels.
 * @param images [count,28,28] in [−1, 1], −1 = black
 */
export async function gridPng(images: Float32Array): Promise<Uint8Array> {
  const count = images.length / IMAGE_PIXELS;
  const columns = Math.ceil(Math.sqrt(count));
  const width = columns * IMAGE_SIDE;
  const height = Math.ceil(count / columns) * IMAGE_SIDE;
  const pixels = new Uint8ClampedArray(height * width); // rounds and clamps
  images.forEach((value, i) => {
    const picture = Math.floor(i / IMAGE_PIXELS);
    const y = Math.floor(picture / columns) * IMAGE_SIDE + (Math.floor(i / IMAGE_SIDE) % IMAGE_SIDE);
    const x = (picture % columns) * IMAGE_SIDE + (i % IMAGE_SIDE);
    pixels[y * width + x] = value * 127.5 + 127.5;
  });
  return sharp(pixels, { raw: { width, height, channels: 1 } })
    .resize(width * SCALE, height * SCALE, { kernel: 'nearest' })
    .toColourspace('b-w')
    .png()
    .toBuffer();
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
  // sharp reads a picture when its turn comes; it joins no fewer than two.
  const animation = frames.length === 1 ? sharp(frames[0]) : sharp(frames, { join: { animated: true } });
  // Left alone, sharp takes joined grey pictures for their own alpha channel. More effort chooses colours better, and is
  // not needed: greys are off by 1 of 256 at most.
  return animation.removeAlpha().gif({ delay, loop: 0, dither: 0, effort: 1, keepDuplicateFrames: true }).toBuffer();
}

/**
 * Makes pictures to try the GAN with, of nothing but code: discs and squares in many colours, 2,000 of 32×32, as an array of
 * NumPy in the folder `pictures`. A folder of PNG, JPEG or WebP files of your own takes their place.
 */
import { mkdirSync, writeFileSync } from 'node:fs';

const [COUNT, SIDE] = [2000, 32];
const pixels = new Uint8Array(COUNT * SIDE * SIDE * 3);

// Always the same numbers, from 0 to below 1 (mulberry32).
let state = 1;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** A colour with one strong channel. */
const colour = (strong) => [0, 1, 2].map((channel) => (channel === strong ? 200 + 55 * random() : 90 * random()));

for (let i = 0; i < COUNT; i++) {
  const [ink, paper] = [colour(i % 3), [0, 1, 2].map(() => 225 + 30 * random())];
  const [x, y, size] = [10 + 12 * random(), 10 + 12 * random(), 5 + 4 * random()];
  const isDisc = i % 2 === 0;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const [dx, dy] = [Math.abs(column - x), Math.abs(row - y)];
      const isInside = isDisc ? Math.hypot(dx, dy) < size : Math.max(dx, dy) < size;
      pixels.set(isInside ? ink : paper, ((i * SIDE + row) * SIDE + column) * 3);
    }
  }
}

// NumPy's format: a text of so many bytes that says what follows (numpy.org/doc/stable/reference/generated/numpy.lib.format).
const description = `{'descr': '|u1', 'fortran_order': False, 'shape': (${COUNT}, ${SIDE}, ${SIDE}, 3), }`;
const header = Buffer.alloc(128, ' ');
header.write('\x93NUMPY\x01\x00', 'latin1');
header.writeUInt16LE(118, 8);
header.write(description, 10);
header.write('\n', 127);
mkdirSync('pictures', { recursive: true });
writeFileSync('pictures/images.npy', Buffer.concat([header, pixels]));

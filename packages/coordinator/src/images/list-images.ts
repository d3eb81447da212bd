import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError, type Labels } from '@gantry/core';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import { nameText, type LeftOut } from './left-out.ts';

const PICTURE = /\.(?:png|jpe?g|webp)$/i;
/** Files that are looked at at a time. */
const AT_A_TIME = 256;

/** A file that is to hold an image. */
export interface ImageFile {
  /** Within the folder, with `/` between. */
  readonly name: string;
  readonly path: string;
  /** Changes with its content: size and times. */
  readonly mark: string;
}

/** What is in a folder, and in those below. */
export interface ImageListing {
  readonly files: readonly ImageFile[];
  /** Named like images, but nothing to read. */
  readonly broken: readonly LeftOut[];
  /** Names of files of other kinds. */
  readonly others: readonly string[];
  /** Names of links that lead back to a folder above them. */
  readonly loops: readonly string[];
}

interface Found {
  readonly files: ImageFile[];
  readonly broken: LeftOut[];
  readonly others: string[];
  readonly loops: string[];
}

/**
 * Finds the PNG, JPEG and WebP files in a folder and those below, by their names. Links are followed, hidden files are not read.
 * The order is that of hashes of the names: the first images are a fair sample of all classes, whatever the files are called.
 * @throws GantryError E_DATASET if a folder cannot be read
 */
export async function listImages(folder: string): Promise<ImageListing> {
  const found: Found = { files: [], broken: [], others: [], loops: [] };
  await walk(folder, '', [], found);
  const placed = found.files.map((file) => ({ file, place: createHash('sha256').update(file.name).digest('hex') }));
  const files = placed.toSorted((a, b) => (a.place < b.place ? -1 : 1)).map(({ file }) => file);
  const broken = found.broken.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { files, broken, others: found.others.toSorted(), loops: found.loops.toSorted() };
}

/**
 * Classes are the folders directly below, sorted by name.
 * @param files in the order of the images
 * @returns undefined where a file lies beside them
 */
export function folderLabels(files: readonly Pick<ImageFile, 'name'>[]): Labels | undefined {
  const folders = files.map(({ name }) => name.slice(0, Math.max(0, name.indexOf('/'))));
  if (folders.includes('')) return undefined;
  const classes = [...new Set(folders)].toSorted();
  const places = new Map(classes.map((name, place) => [name, place]));
  return { classes, values: Uint32Array.from(folders, (name) => places.get(name) ?? 0) };
}

/** @param above real paths of the folders that led here */
async function walk(folder: string, prefix: string, above: readonly string[], found: Found): Promise<void> {
  const names = await readFolder(folder);
  const real = await realpath(folder);
  if (above.includes(real)) {
    found.loops.push(prefix.slice(0, -1));
    return;
  }
  const below: string[] = [];
  for (let i = 0; i < names.length; i += AT_A_TIME) {
    const looked = names.slice(i, i + AT_A_TIME).map(async (name) => {
      if (await isFolder(join(folder, name), `${prefix}${name}`, found)) below.push(name);
    });
    await Promise.all(looked);
  }
  for (const name of below.toSorted()) await walk(join(folder, name), `${prefix}${name}/`, [...above, real], found);
}

async function readFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.'));
  } catch (cause) {
    const why = systemErrorCode(cause) === 'EACCES' ? 'permission denied' : messageOf(cause);
    const remedy = 'let it be read, or name a folder without it';
    throw new GantryError('E_DATASET', `the folder ${nameText(folder)} cannot be read (${why}): ${remedy}`, { cause });
  }
}

/** Looks at what a name stands for. @returns whether it is a folder; of anything else, it is noted what it is */
async function isFolder(path: string, name: string, found: Found): Promise<boolean> {
  try {
    const look = await stat(path, { bigint: true });
    if (look.isDirectory()) return true;
    if (!PICTURE.test(name)) found.others.push(name);
    else if (look.isFile()) found.files.push({ name, path, mark: `${look.size} ${look.mtimeNs} ${look.ctimeNs}` });
    else found.broken.push({ name, reason: 'not a file' });
  } catch (cause) {
    const code = systemErrorCode(cause) ?? '';
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'a link that leads nowhere',
      ELOOP: 'a link that leads back to itself',
    };
    found.broken.push({ name, reason: reasons[code] ?? `cannot be read: ${code}` });
  }
  return false;
}

import { constants } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GantryError } from '@gantry/core';

/** What a file is called until it is complete. */
export const ASIDE_PREFIX = '.tmp-';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, then go on with --resume',
  EDQUOT: 'the disk quota is used up; free some space, then go on with --resume',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of this path is a file, not a directory',
  EEXIST: 'a file of this name is in the way',
};

/** The code of a failed system call, or undefined for other errors. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return String(error.code);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A failed system call as GantryError E_RUN_DIRECTORY in one line; other errors as they are. */
export function diskError(path: string, cause: unknown): unknown {
  const code = systemErrorCode(cause);
  if (code === undefined) return cause;
  const reason = REASONS[code] ?? messageOf(cause);
  return new GantryError('E_RUN_DIRECTORY', `cannot write ${path}: ${reason}`, { cause });
}

/** Makes entries of a directory durable: new, renamed and removed ones. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows has no way to do so, and refuses to open directories.
  if (process.platform === 'win32') return;
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory, and its parents, where it is not there yet. Not by Node's `recursive`, which never returns where a
 * file system takes no directories, such as /proc.
 * @param path absolute
 * @param mode permissions of what is made
 * @returns whether it was made
 * @throws GantryError E_RUN_DIRECTORY
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<boolean> {
  try {
    await mkdirInParent(path, mode);
  } catch (cause) {
    if (await isDirectory(path)) return false;
    if (systemErrorCode(cause) !== 'ENOENT') throw diskError(path, cause);
    // The parent is there by now.
    throw new GantryError('E_RUN_DIRECTORY', `cannot write ${path}: its file system takes no directories`, { cause });
  }
  await syncDirectory(dirname(path));
  return true;
}

async function mkdirInParent(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') throw cause;
    await makeDirectory(dirname(path), mode);
    await mkdir(path, { mode });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Writes a file and waits until its bytes are on the disk; a crash may leave a part of it. */
export async function writeSynced(path: string, data: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes or replaces a file: whatever happens, it has its old content or the new one.
 * @throws GantryError E_RUN_DIRECTORY
 */
export async function writeFileDurably(path: string, data: string | Uint8Array): Promise<void> {
  const aside = join(dirname(path), ASIDE_PREFIX + basename(path));
  try {
    await writeSynced(aside, data);
    await rename(aside, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(aside, { force: true });
    throw diskError(path, cause);
  }
}

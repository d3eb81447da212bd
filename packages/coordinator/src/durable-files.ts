import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
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

/** Makes a directory, and its parents, where it is not there yet. @throws GantryError E_RUN_DIRECTORY */
export async function makeDirectory(path: string): Promise<void> {
  try {
    if ((await mkdir(path, { recursive: true })) !== undefined) await syncDirectory(dirname(path));
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') throw diskError(path, cause);
    // With all parents made on the way, only this can be the cause; Node hides the true code.
    const message = `cannot write ${path}: the file system is read-only or takes no directories`;
    throw new GantryError('E_RUN_DIRECTORY', message, { cause });
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

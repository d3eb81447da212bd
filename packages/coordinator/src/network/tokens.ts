import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GantryError } from '@gantry/core';
import { z } from 'zod';
import { ASIDE_PREFIX, diskError, syncDirectory, systemErrorCode } from '../storage/durable-files.ts';

const TOKEN_BYTES = 32;

export const tokenSchema = z.string().regex(/^[\w-]{43}$/);

/** Secrets of a run, each 32 random bytes in base64url (43 characters). */
export interface Tokens {
  /** Lets a worker join. */
  readonly work: string;
  /** Lets a person watch and control the run. */
  readonly control: string;
}

/** The files of a run's tokens: each holds one and nothing else, so that a shell reads it by `$(cat FILE)`. */
export function tokenFiles(runDirectory: string): Tokens {
  return { work: join(runDirectory, 'work.token'), control: join(runDirectory, 'control.token') };
}

/**
 * The tokens of a run, from its `tokenFiles`; makes them, for the owner's eyes only, where there are none. A resumed
 * run keeps its tokens, so its workers come back by themselves.
 * @throws GantryError E_AUTH if others may read a file or it is damaged, E_RUN_DIRECTORY if it cannot be written
 */
export async function openTokens(runDirectory: string): Promise<Tokens> {
  const { work, control } = tokenFiles(runDirectory);
  return { work: await openToken(work), control: await openToken(control) };
}

async function openToken(path: string): Promise<string> {
  const known = await readToken(path);
  if (known !== undefined) return known;
  await writePrivately(path, `${newToken()}\n`);
  // Not every file system keeps permissions: what was written is judged like what was found.
  const made = await readToken(path);
  if (made === undefined) throw new GantryError('E_RUN_DIRECTORY', `${path} vanished as soon as it was written`);
  return made;
}

/** Reads a file that holds a token, undefined if there is none. */
async function readToken(path: string): Promise<string | undefined> {
  const text = await readPrivate(path);
  if (text === undefined) return undefined;
  const parsed = tokenSchema.safeParse(text.trim());
  if (!parsed.success) throw damaged(path);
  return parsed.data;
}

/** Whether two texts are equal, in a time that does not tell how much of them is. */
export function secretsEqual(given: string, expected: string): boolean {
  // Digests have one length, which timingSafeEqual demands, and hide that of the secret.
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Reads a file of secrets, undefined if there is none. @param owner uid that it must belong to, any by default */
export async function readPrivate(path: string, owner?: number): Promise<string | undefined> {
  try {
    const handle = await open(path, 'r');
    try {
      // The handle is asked, not the path: nobody can swap the file in between.
      const { mode, uid } = await handle.stat();
      if (owner !== undefined && uid !== owner)
        throw refusal(`${path} belongs to another user (uid ${uid}): delete it`);
      // Windows has no such modes; there, the user's directories are private.
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        throw refusal(
          `${path} holds secrets and is open to other users (mode ${(mode & 0o777).toString(8)}): run chmod 600 on it`,
        );
      }
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    if (systemErrorCode(cause) === undefined) throw cause;
    throw new GantryError('E_AUTH', `cannot read ${path}: ${systemErrorCode(cause)}`, { cause });
  }
}

export function damaged(path: string): GantryError {
  return refusal(`${path} is damaged: delete it, and start the coordinator again`);
}

/** Writes or replaces a file at once; at no time can others read it. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const aside = join(dirname(path), `${ASIDE_PREFIX}${process.pid}-${basename(path)}`);
  try {
    // A leftover could have any mode, which opening would keep.
    await rm(aside, { force: true });
    const handle = await open(aside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(aside, { force: true });
    throw diskError(path, cause);
  }
}

function refusal(message: string): GantryError {
  return new GantryError('E_AUTH', message);
}

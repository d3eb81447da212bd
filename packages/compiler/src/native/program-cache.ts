/** Compiled programs in a folder: each in a file that is named after what it was compiled from, and after what it holds. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';

/** Some hundred programs; those of a run take up 1 MB. */
export const CACHE_BYTES = 2 ** 28;

const SUFFIX = '.node';
/** Hexadecimal digits, of a sha256. */
const HASH_DIGITS = 32;
/** What is not complete yet: a folder; two files in versions before. */
const DRAFT = /^[\da-f-]{36}(?:\.c|\.node)?$/;
/** No compiler may take so long. */
const DRAFT_MS = 600_000;

interface Entry {
  readonly file: string;
  readonly bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly usedMs: number;
}

/** A name for what a program is compiled from. */
export function programKey(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, HASH_DIGITS);
}

/** Makes a folder in a folder, for a program on its way and what it takes to compile it. @returns its path */
export async function newDraft(folder: string): Promise<string> {
  const draft = path.join(folder, randomUUID());
  await mkdir(draft, { mode: 0o700 });
  return draft;
}

/** The file of a program that was kept, undefined if there is none; one of which a byte has changed is removed. */
export async function findProgram(folder: string, key: string): Promise<string | undefined> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${key}-`)) continue;
    const file = path.join(folder, name);
    // Another process may have removed it.
    const program = await readFile(file).catch(() => undefined);
    if (program && name === nameOf(key, program)) {
      const now = new Date();
      // What cannot be written is used all the same.
      await utimes(file, now, now).catch(() => undefined);
      return file;
    }
    await rm(file, { force: true });
  }
  return undefined;
}

/**
 * Keeps a complete program, which lies in a draft, as that of a key. Whatever was used least recently goes, until the programs take
 * up no more than `maxBytes`, but for this one; so do drafts that killed processes left.
 * @returns its file
 */
export async function keepProgram(folder: string, key: string, program: string, maxBytes: number): Promise<string> {
  const kept = path.join(folder, nameOf(key, await readFile(program)));
  // Another process may have kept the same: a complete one takes its place at once.
  await rename(program, kept);
  await tidy(folder, kept, maxBytes);
  return kept;
}

function nameOf(key: string, program: Uint8Array): string {
  return `${key}-${createHash('sha256').update(program).digest('hex').slice(0, HASH_DIGITS)}${SUFFIX}`;
}

async function tidy(folder: string, kept: string, maxBytes: number): Promise<void> {
  const programs: Entry[] = [];
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    // Another process may have removed it.
    const found = await stat(file).catch(() => undefined);
    if (!found) continue;
    const { size, mtimeMs } = found;
    if (DRAFT.test(name)) {
      if (mtimeMs < Date.now() - DRAFT_MS) await rm(file, { recursive: true, force: true });
    } else if (name.endsWith(SUFFIX)) programs.push({ file, bytes: size, usedMs: mtimeMs });
  }
  let bytes = programs.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const entry of programs.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= maxBytes) return;
    if (entry.file === kept) continue;
    await rm(entry.file, { force: true });
    bytes -= entry.bytes;
  }
}

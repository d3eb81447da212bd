/** Where Gantry keeps what can be made again. */
import { lstat, mkdir, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

/** A folder for what is kept. */
export interface CacheFolder {
  readonly folder: string;
  /** In a folder of all users, a link could lead elsewhere with each use. */
  readonly look: typeof stat | typeof lstat;
}

/** Others may change what is kept in a folder. */
export class OpenToOthers extends Error {
  readonly folder: string;

  constructor(folder: string) {
    super(`others may write to ${folder}`);
    this.folder = folder;
  }
}

/** The folder for caches of a user; undefined without a home directory, for which containers say nothing, or `/`. */
function userCaches(): string | undefined {
  const given = process.env['XDG_CACHE_HOME'];
  if (given) return path.resolve(given);
  const home = process.platform === 'win32' ? homedir() : (process.env['HOME'] ?? '');
  return path.isAbsolute(home) && home !== '/' ? path.join(home, '.cache') : undefined;
}

/**
 * Folders for what is kept, the better one first: the user's, and a temporary one where that cannot be written. They may be
 * deleted at any time.
 */
export function cacheFolders(): CacheFolder[] {
  const caches = userCaches();
  const own = caches === undefined ? [] : [{ folder: path.join(caches, 'gantry'), look: stat }];
  return [...own, { folder: path.join(tmpdir(), `gantry-${process.getuid?.()}`), look: lstat }];
}

/**
 * Makes a folder, or takes the one that is there. Nobody else may write there.
 * @throws OpenToOthers if somebody may, other errors if it cannot be made or is another user's
 */
export async function requireOwn({ folder, look }: CacheFolder): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await look(folder);
  if (uid !== process.getuid?.()) throw new Error(`${folder} is another user's`);
  if ((mode & 0o022) !== 0) throw new OpenToOthers(folder);
}

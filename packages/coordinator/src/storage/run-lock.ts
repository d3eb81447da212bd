import { readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { GantryError } from '@gantry/core';
import { diskError, systemErrorCode } from './durable-files.ts';

/** Begins the names of lock files: `.lock-PID-START@HOST`. */
const PREFIX = '.lock-';
const NAME = /^\.lock-(?<pid>\d+)-(?<start>\d+)@(?<host>.+)$/;

export function isLockFile(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * Keeps a directory to one process, until it ends in any way.
 *
 * A process announces itself by an empty file whose name tells its pid and when it started, so that a later process
 * that got the same pid is not taken for it. Then it looks for others that live and gives way to them. As each looks
 * after it has announced itself, two cannot both go on; and as a name is never used twice, removing those of dead
 * processes cannot remove a live one's.
 */
export class RunLock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws GantryError E_RUN_DIRECTORY if another process, or this one, holds the directory, or on a failed write */
  static async acquire(directory: string): Promise<RunLock> {
    const own = `${PREFIX}${process.pid}-${startOf(process.pid) ?? 0}@${os.hostname()}`;
    const lock = new RunLock(join(directory, own));
    try {
      await writeFile(lock.#file, '', { flag: 'wx' });
    } catch (cause) {
      if (systemErrorCode(cause) === 'EEXIST') throw heldBy(directory, `this process (${process.pid})`);
      throw diskError(directory, cause);
    }
    try {
      for (const name of await readdir(directory)) {
        const { pid, start, host } = NAME.exec(name)?.groups ?? {};
        if (host === undefined || name === own) continue;
        if (host !== os.hostname()) {
          const file = join(directory, name);
          throw heldBy(directory, `process ${pid} on ${host}; if that has ended, delete ${file}`);
        }
        if (isAlive(Number(pid), Number(start))) throw heldBy(directory, `process ${pid}; stop it first`);
        await rm(join(directory, name), { force: true });
      }
    } catch (cause) {
      await lock.release();
      throw diskError(directory, cause);
    }
    return lock;
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}

function heldBy(directory: string, holder: string): GantryError {
  return new GantryError('E_RUN_DIRECTORY', `${directory} is being written by ${holder}, or choose another --run`);
}

function isAlive(pid: number, start: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM tells that the process exists and is another user's.
    if (systemErrorCode(error) === 'ESRCH') return false;
  }
  // Where starts cannot be told, a live process of that pid has to be taken for the one that locked.
  return [start, undefined].includes(startOf(pid));
}

/** When a process started, in clock ticks since the machine's; −1 once it is dead, undefined where it cannot be told. */
function startOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // proc(5): the name, field 2, stands in parentheses and may hold anything; field 3 is the state, field 22 the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  return isDead ? -1 : Number(fields[19]);
}

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { GantryError } from '@gantry/core';
import { z } from 'zod';
import { diskError, systemErrorCode } from './durable-files.ts';
import { HolderSocket } from './holder-socket.ts';
import { isAlive } from './process-life.ts';

/** Begins the names of all that a lock consists of. */
const PREFIX = '.lock-';
/** `.lock-PID-0@HOST~ID`; up to Gantry 0.1, which takes this for the lock of another machine, `.lock-PID-START@HOST`. */
const NAME = /^\.lock-(?<pid>\d+)-(?<start>\d+)@(?<host>[^~]+)(?:~(?<id>[0-9a-f]{16}))?$/;
const SOCKET_NAME = /^\.lock-(?<id>[0-9a-f]{16})\.sock$/;

const BEAT_MS = 5000;
/** After so long without a beat a holder counts as dead. */
const EXPIRY_MS = 30_000;
const POLL_MS = 500;

const leaseSchema = z.object({
  /** Tells kernels apart; '' where that is impossible. */
  kernel: z.string(),
  /** The file system as that kernel numbers it: mounted twice, it has two numbers, and two sets of sockets. */
  disk: z.string(),
  expiryMs: z.int().min(1).max(3_600_000),
  beat: z.string(),
});
type Lease = z.infer<typeof leaseSchema>;

export function isLockFile(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * Keeps a directory to one process, until it ends in any way, on whichever machine and in whichever container.
 *
 * A process announces itself by a file, its lease, whose name is never used twice. Then it looks for the leases of
 * others and gives way to those that live. As each looks after it has announced itself, two cannot both go on, and
 * removing the lease of a dead process cannot remove a live one's.
 *
 * Who lives is told in two ways, and never by comparing the clocks of two machines:
 * - Each holder listens on a Unix socket beside its lease. Who can connect knows that the holder lives. Who is refused
 *   knows that it is dead, if both see the same file system in the same kernel, in whichever containers they are.
 * - Else a lease is watched: its holder writes another number into it every 5 s. If it stays as it is for 30 s by the
 *   watcher's own clock, its holder is taken for dead.
 *
 * A holder that was frozen for so long may wake up after another one has taken over. So it renews its lease before it
 * writes again (`check`), and that fails, as its file is gone: what comes after is not written.
 */
export class RunLock {
  readonly #directory: string;
  readonly #name: string;
  readonly #socketName: string;
  #place = { kernel: '', disk: '' };
  #socket: HolderSocket | undefined;
  #beats = 0;
  /** By performance.now(). */
  #renewedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string) {
    const id = randomBytes(8).toString('hex');
    this.#directory = directory;
    this.#name = `${PREFIX}${process.pid}-0@${os.hostname()}~${id}`;
    this.#socketName = socketOf(id);
  }

  /**
   * May take as long as the lease of a dead process of another machine is valid, 30 s.
   * @throws GantryError E_RUN_DIRECTORY if another process, or this one, holds the directory, or on a failed write
   */
  static async acquire(directory: string): Promise<RunLock> {
    const lock = new RunLock(directory);
    try {
      await lock.#announce();
      for (const name of readdirSync(directory)) if (name !== lock.#name) await lock.#requireDead(name);
      lock.#removeSocketsOfTheDead();
    } catch (cause) {
      await lock.release();
      throw diskError(directory, cause);
    }
    return lock;
  }

  /**
   * To be called before each write.
   * @throws GantryError E_RUN_DIRECTORY if another process has taken the directory over, as this one was silent
   */
  check(): void {
    if (performance.now() - this.#renewedAt > EXPIRY_MS / 2) this.#renew();
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    rmSync(this.#file, { force: true });
    await this.#socket?.close();
  }

  get #file(): string {
    return join(this.#directory, this.#name);
  }

  async #announce(): Promise<void> {
    // Whoever sees the lease can ask the socket.
    this.#socket = await HolderSocket.listen(this.#directory, this.#socketName);
    this.#place = { kernel: kernelId(), disk: String(statSync(this.#directory).dev) };
    writeFileSync(this.#file, this.#content(), { flag: 'wx' });
    this.#renewedAt = performance.now();
    this.#timer = setInterval(() => {
      try {
        this.#renew();
      } catch {
        // The next write tries again, and says why it cannot be done.
        this.#renewedAt = -Infinity;
      }
    }, BEAT_MS);
    this.#timer.unref();
  }

  #renew(): void {
    this.#beats++;
    try {
      // Opened anew each time: network file systems compare with the server then, and a file that is gone is not found.
      const file = openSync(this.#file, 'r+');
      try {
        writeSync(file, this.#content(), 0);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      if (systemErrorCode(cause) !== 'ENOENT') throw diskError(this.#file, cause);
      const message = `${this.#directory} was taken over by another process while this one did not answer, or its lock was deleted`;
      throw new GantryError('E_RUN_DIRECTORY', `${message}; nothing more is written`, { cause });
    }
    this.#renewedAt = performance.now();
  }

  /** Of one length always, so that it is written over in place. */
  #content(): string {
    const beat = String(this.#beats).padStart(12, '0');
    return JSON.stringify({ ...this.#place, expiryMs: EXPIRY_MS, beat } satisfies Lease);
  }

  /** Removes the lease of a dead process. @throws GantryError E_RUN_DIRECTORY if the process lives */
  async #requireDead(name: string): Promise<void> {
    const { pid, start, host, id } = NAME.exec(name)?.groups ?? {};
    if (pid === undefined || host === undefined) return;
    const lives = id === undefined ? this.#livesByPid(name, pid, start, host) : this.#livesByLease(name, id);
    if (await lives) {
      const holder = `process ${pid} on ${host}; stop it first`;
      throw new GantryError(
        'E_RUN_DIRECTORY',
        `${this.#directory} is being written by ${holder}, or choose another --run`,
      );
    }
    rmSync(join(this.#directory, name), { force: true });
    if (id !== undefined) rmSync(join(this.#directory, socketOf(id)), { force: true });
  }

  async #livesByLease(name: string, id: string): Promise<boolean> {
    const answer = await HolderSocket.ask(this.#directory, socketOf(id));
    if (answer === 'alive') return true;
    const lease = readLease(join(this.#directory, name));
    const { kernel, disk } = this.#place;
    const isNear = kernel !== '' && lease?.kernel === kernel && lease.disk === disk;
    if (answer === 'refused' && isNear) return false;
    return changesWithin(lease?.expiryMs ?? EXPIRY_MS, () => textOf(join(this.#directory, name)));
  }

  /** Of a lock as Gantry 0.1 made it: where its pid tells nothing here, its run has to show that it goes on. */
  async #livesByPid(name: string, pid: string, start: string | undefined, host: string): Promise<boolean> {
    if (host === os.hostname()) return isAlive(Number(pid), Number(start));
    const isThere = () => textOf(join(this.#directory, name)) !== undefined;
    return changesWithin(EXPIRY_MS, () => (isThere() ? this.#sizes() : undefined));
  }

  /** Of the files that grow while a run goes on, or stalls. */
  #sizes(): string {
    const files = ['metrics.jsonl', 'events.jsonl'].map((file) => join(this.#directory, file));
    return files.map((file) => statSync(file, { throwIfNoEntry: false })?.size).join();
  }

  /** A process that was killed between its socket and its lease left only the one. Who is about to look gives way to this. */
  #removeSocketsOfTheDead(): void {
    for (const name of readdirSync(this.#directory)) {
      if (SOCKET_NAME.test(name) && name !== this.#socketName) rmSync(join(this.#directory, name), { force: true });
    }
  }
}

function socketOf(id: string): string {
  return `${PREFIX}${id}.sock`;
}

/** Whether something reads otherwise within so many ms by this process's clock; what vanishes counts as unchanged. */
function changesWithin(ms: number, read: () => string | undefined): Promise<boolean> {
  const before = read();
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        // Read after the time has passed: this process may have been frozen, too.
        const hasPassed = performance.now() - begin >= ms;
        const now = read();
        if (now !== undefined && now === before && !hasPassed) return;
        clearInterval(timer);
        resolve(now !== undefined && now !== before);
      } catch (error) {
        clearInterval(timer);
        reject(error);
      }
    }, POLL_MS);
  });
}

function readLease(file: string): Lease | undefined {
  try {
    return leaseSchema.parse(JSON.parse(textOf(file) ?? ''));
  } catch {
    // It is being made, or another version's: whether it changes can be seen all the same.
    return undefined;
  }
}

/** undefined if the file is gone */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Containers of a machine have one; a machine that was started again, another. */
function kernelId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { systemErrorCode } from './durable-files.ts';

/** What fits into the address of a Unix socket everywhere. */
const MAX_PATH_BYTES = 100;

/**
 * A Unix socket in a directory that tells whether the process that made it lives, frozen or not: the kernel answers for
 * the process, and no longer does once it has ended in any way. Neither pids nor host names matter, so this holds
 * between containers.
 */
export class HolderSocket {
  readonly #server: net.Server;
  readonly #directory: FileHandle;

  private constructor(server: net.Server, directory: FileHandle) {
    this.#server = server;
    this.#directory = directory;
  }

  /** @returns undefined where the platform or the file system has no such sockets */
  static async listen(directory: string, name: string): Promise<HolderSocket | undefined> {
    const handle = await openDirectory(directory);
    const path = handle && pathOf(handle, directory, name);
    // Nobody says anything there.
    const server = net.createServer((peer) => peer.destroy());
    const isListening = await new Promise<boolean>((resolve) => {
      // Later errors are those of peers, which have nothing to say.
      server.on('error', () => resolve(false));
      if (path === undefined) resolve(false);
      else server.listen(path, () => resolve(true));
    });
    if (handle && isListening) {
      // Listening must not keep the process from ending.
      server.unref();
      return new HolderSocket(server, handle);
    }
    await handle?.close();
    return undefined;
  }

  /**
   * Asks the socket that a process made.
   * @returns `alive`; `refused` if no process of this kernel listens on that file; `unknown` if neither can be told
   */
  static async ask(directory: string, name: string): Promise<'alive' | 'refused' | 'unknown'> {
    const handle = await openDirectory(directory);
    const path = handle && pathOf(handle, directory, name);
    try {
      return await new Promise((resolve) => {
        if (path === undefined) return resolve('unknown');
        const peer = net.connect(path);
        peer.on('error', (error) => resolve(systemErrorCode(error) === 'ECONNREFUSED' ? 'refused' : 'unknown'));
        peer.on('connect', () => {
          peer.destroy();
          resolve('alive');
        });
      });
    } finally {
      await handle?.close();
    }
  }

  /** Stops listening, which removes the file. */
  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#directory.close();
  }
}

async function openDirectory(path: string): Promise<FileHandle | undefined> {
  if (process.platform === 'win32') return undefined;
  return open(path, constants.O_RDONLY).catch(() => undefined);
}

/** The path of a file that fits into an address, however long that of its directory is. */
function pathOf({ fd }: FileHandle, directory: string, name: string): string | undefined {
  const path = process.platform === 'linux' ? `/proc/self/fd/${fd}/${name}` : join(directory, name);
  return Buffer.byteLength(path) <= MAX_PATH_BYTES ? path : undefined;
}

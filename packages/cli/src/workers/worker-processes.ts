import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';
import { KEEPING_MALLOC, newIdentity, type Device, type EngineName } from '@gantry/worker';
import { failureIn } from '../errors.ts';

const GANTRY = fileURLToPath(new URL('../../bin/gantry.js', import.meta.url));
/** A worker that dies sooner after its start than this is not started again: it would die again. */
const SOUND_START_MS = 10_000;
/** What a worker may take to say goodbye. */
const GOODBYE_MS = 3000;

/** Worker processes on this machine, one thread each; one that dies is replaced. */
export class WorkerProcesses {
  readonly #cluster: Pick<Cluster, 'url' | 'trust'>;
  readonly #token: string;
  readonly #notice: (text: string) => void;
  readonly #noneLeft: (error: GantryError) => void;
  readonly #children = new Set<ChildProcess>();
  #closing = false;

  /** @param noneLeft called when the last worker has ended for good, with its reason */
  constructor(
    cluster: Pick<Cluster, 'url' | 'trust'>,
    token: string,
    notice: (text: string) => void,
    noneLeft: (error: GantryError) => void,
  ) {
    this.#cluster = cluster;
    this.#token = token;
    this.#notice = notice;
    this.#noneLeft = noneLeft;
  }

  /** @param gpu the only one that the worker sees, as CUDA_VISIBLE_DEVICES names it */
  start(name: string, engine: EngineName, device: Device, gpu?: string): void {
    const begin = performance.now();
    const identity = newIdentity();
    this.#cluster.trust(identity);
    // The IPC channel carries nothing: it closes when this process dies, and the worker then ends, too.
    const options = ['--threads', '1', '--name', name, '--engine', engine, '--device', device];
    const child = spawn(process.execPath, [GANTRY, 'worker', this.#cluster.url, ...options], {
      env: {
        ...process.env,
        ...KEEPING_MALLOC,
        GANTRY_TOKEN: this.#token,
        GANTRY_IDENTITY: identity,
        ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Ctrl-C is for this process, which ends its workers in order.
      detached: true,
    });
    this.#children.add(child);
    let complaints = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-500)));
    child.on('error', (error) => (complaints += `\nError: ${error.message}`));
    // Also where it could not be started.
    child.on('close', (code, signal) => {
      this.#children.delete(child);
      if (this.#closing || code === 0) return;
      const reason = failureIn(complaints);
      const again = performance.now() - begin > SOUND_START_MS;
      this.#notice(`${name} ended (${signal ?? code})${again ? ', starting it again' : `: ${reason}`}`);
      if (again) this.start(name, engine, device, gpu);
      else if (this.#children.size === 0) {
        this.#noneLeft(new GantryError('E_ENGINE', `no worker can run on this machine: ${reason}`));
      }
    });
  }

  /** Those that run or are about to. */
  get running(): number {
    return this.#children.size;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#children].map(
        (child) =>
          new Promise<void>((resolve) => {
            const timer = setTimeout(() => child.kill('SIGKILL'), GOODBYE_MS);
            child.on('close', () => {
              clearTimeout(timer);
              resolve();
            });
          }),
      ),
    );
  }
}

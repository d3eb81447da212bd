import { Worker } from 'node:worker_threads';
import { GantryError, type Program, type ShardWork } from '@gantry/core';
import type { Device } from './device.ts';
import type { EngineReply, EngineRequest, EngineThreadData } from './engine-thread-main.ts';
import type { EngineHost } from './engine-host.ts';
import type { EngineName } from './engines.ts';

type WithoutId<R> = R extends EngineRequest ? Omit<R, 'id'> : never;

interface Pending {
  readonly resolve: (leaf: Float32Array<ArrayBuffer> | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A gradient engine in a thread of its own, so that computing never blocks the caller's event loop. */
export class EngineThread implements EngineHost {
  readonly #thread: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #failure: GantryError | undefined;

  /** @param device one that `prepareDevice` has found */
  constructor(engine: EngineName, device: Device = 'cpu') {
    const workerData: EngineThreadData = { engine, device };
    this.#thread = new Worker(new URL('./engine-thread-main.js', import.meta.url), { workerData });
    this.#thread.on('message', (reply: EngineReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if ('error' in reply) pending?.reject(new GantryError(reply.error.code, reply.error.message));
      else pending?.resolve(reply.leaf);
    });
    this.#thread.on('error', (cause) => {
      this.#fail(new GantryError('E_ENGINE', `the ${engine} engine's thread failed: ${String(cause)}`, { cause }));
    });
    this.#thread.on('exit', (code) => {
      this.#fail(new GantryError('E_ENGINE', `the ${engine} engine's thread ended with code ${code}`));
    });
  }

  get dead(): boolean {
    return this.#failure !== undefined;
  }

  async load(program: Program): Promise<void> {
    await this.#request({ call: 'load', program });
  }

  async setWeights(flat: Float32Array): Promise<void> {
    await this.#request({ call: 'setWeights', flat });
  }

  async prepare(shard: ShardWork): Promise<void> {
    await this.#request({ call: 'prepare', shard });
  }

  async gradients(shard: ShardWork, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const transfer = recycled ? [recycled.buffer] : [];
    const leaf = await this.#request({ call: 'gradients', shard, leaf: recycled }, transfer);
    if (!leaf) throw new Error('the engine gave no leaf');
    return leaf;
  }

  async dispose(): Promise<void> {
    if (!this.#failure) await this.#request({ call: 'dispose' });
    await this.#thread.terminate();
  }

  #request(
    body: WithoutId<EngineRequest>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Float32Array<ArrayBuffer> | undefined> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#thread.postMessage({ ...body, id }, transfer);
    });
  }

  #fail(error: GantryError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

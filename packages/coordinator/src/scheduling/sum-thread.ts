import { Worker } from 'node:worker_threads';
import { GantryError, type EncodedVector, type TreeNode } from '@gantry/core';
import type { SumRequest } from './sum-thread-main.ts';

/** Where the contributions of a round are added up, along the tree over its shards: `ReductionTree` is one. */
export interface RoundSums {
  /** Takes the sum of a node's leaves, which stays the caller's. */
  add(node: TreeNode, sum: Float32Array): void;
  /** Takes a leaf as it came. Its memory may be gone afterwards. */
  addEncoded(index: number, leaf: EncodedVector): void;
  /** The sum of all, once none is missing. */
  root(): Float32Array | Promise<Float32Array>;
}

/** Messages of so many bytes lie in memory of their own: ws puts them together from pieces of 64 KiB at most. */
const OWN_MEMORY_BYTES = 2 ** 20;

/** Adds contributions up beside the thread that receives them: where there are many, receiving alone keeps a core busy. */
export class SumThread {
  readonly #thread: Worker;
  #death: GantryError | undefined;
  #onDeath: (error: GantryError) => void = () => undefined;
  #onRoot: ((root: Float32Array) => void) | undefined;

  constructor() {
    // What the process was started with, such as how to read the text of -e, is not for this module.
    this.#thread = new Worker(new URL('./sum-thread-main.js', import.meta.url), { execArgv: [] });
    this.#thread.unref();
    this.#thread.on('message', (root: Float32Array) => this.#onRoot?.(root));
    this.#thread.once('error', (cause) => this.#died(String(cause), cause));
    this.#thread.once('exit', (code) => this.#died(`exit code ${code}`));
  }

  /**
   * One round at a time, until its root is there or it is given up.
   * @param free vectors as long as the sums, whose memory goes to the thread
   * @param failed is told if there will be no root
   * @throws GantryError E_ENGINE if the thread has ended
   */
  begin(leafCount: number, free: Float32Array[], failed: (error: GantryError) => void): RoundSums {
    if (this.#death) throw this.#death;
    if (this.#onRoot) throw new Error('the sum of another round is awaited');
    this.#onDeath = failed;
    const memory = free.splice(0);
    const buffers = memory.map(({ buffer }) => buffer as ArrayBuffer);
    this.#post({ type: 'begin', leafCount, memory }, buffers);
    return {
      add: (node, sum) => {
        const copy = sum.slice();
        this.#post({ type: 'sum', node, sum: copy }, [copy.buffer]);
      },
      addEncoded: (index, leaf) => {
        const { bytes } = leaf;
        const own =
          bytes.length >= OWN_MEMORY_BYTES && bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
        this.#post({ type: 'leaf', index, leaf: { ...leaf, bytes: own } }, [own.buffer as ArrayBuffer]);
      },
      root: () => this.#root(),
    };
  }

  async dispose(): Promise<void> {
    await this.#thread.terminate();
  }

  async #root(): Promise<Float32Array> {
    this.#post({ type: 'root' });
    try {
      return await new Promise<Float32Array>((resolve, reject) => {
        this.#onRoot = resolve;
        this.#onDeath = reject;
        if (this.#death) reject(this.#death);
      });
    } finally {
      this.#onRoot = undefined;
    }
  }

  #died(how: string, cause?: unknown): void {
    this.#death ??= new GantryError('E_ENGINE', `the thread of the sums has ended: ${how}`, { cause });
    this.#onDeath(this.#death);
  }

  #post(request: SumRequest, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, transfer);
  }
}

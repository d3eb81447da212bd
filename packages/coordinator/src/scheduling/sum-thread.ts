import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { EncodedVector, TreeNode } from '@gantry/core';
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

/** Messages of so many bytes lie in memory of their own: sockets are read in pieces of 64 KiB. */
const OWN_MEMORY_BYTES = 2 ** 20;

/**
 * Adds contributions up beside the thread that receives them: where there are many, receiving alone keeps a core busy. One
 * round at a time.
 */
export class SumThread {
  readonly #thread: Worker;
  readonly #ended = new AbortController();

  constructor() {
    // What the process was started with, such as how to read the text of -e, is not for this module.
    this.#thread = new Worker(new URL('./sum-thread-main.js', import.meta.url), { execArgv: [] });
    this.#thread.once('error', (cause) => this.#ended.abort(cause));
    this.#thread.once('exit', () => this.#ended.abort(new Error('the thread of the sums has ended')));
  }

  /** @param free vectors as long as the sums, whose memory goes to the thread */
  begin(leafCount: number, free: Float32Array[]): RoundSums {
    const memory = free.splice(0);
    this.#post(
      { type: 'begin', leafCount, memory },
      memory.map(({ buffer }) => buffer as ArrayBuffer),
    );
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
    const { signal } = this.#ended;
    this.#post({ type: 'root' });
    try {
      const [root] = (await once(this.#thread, 'message', { signal })) as [Float32Array];
      return root;
    } catch (cause) {
      throw signal.aborted ? signal.reason : cause;
    }
  }

  #post(request: SumRequest, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, transfer);
  }
}

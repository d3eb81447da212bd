import type { NodeResult } from './worker-link.ts';
import type { ComputedShard, RegisteredWorker } from './worker-registry.ts';

/** An answer to one unit, kept by itself. */
export interface Opinion {
  readonly worker: RegisteredWorker;
  /** Its sum belongs to whoever keeps the opinion. */
  readonly result: NodeResult;
  /** What the worker said when it had computed it, if it did. */
  readonly computed: ComputedShard | undefined;
  /** When it came, by performance.now(). */
  readonly receivedMs: number;
}

/** Whether two opinions have the same bits. */
export function agree(a: Opinion, b: Opinion): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function bytesOf({ result: { sum } }: Opinion): Buffer {
  return Buffer.from(sum.buffer, sum.byteOffset, sum.byteLength);
}

import { allUsable, allUsableEncoded } from '@gantry/core';
import type { NodeResult, ReceivedSum, WorkerLink } from './worker-link.ts';
import type { ComputedShard, RegisteredWorker } from './worker-registry.ts';

/** Between numeric classes, how far apart two answers to one shard may be: the norm of what differs to that of the answer. */
const CLASSES_DIFFER_BY = 0.01;

/** An answer to one shard, by itself. */
export interface Answer {
  readonly link: WorkerLink;
  readonly sum: Float32Array;
}

/** An answer that may come to count. */
export interface Opinion extends Answer {
  readonly worker: RegisteredWorker;
  /** Its sum is that of the answer. */
  readonly result: NodeResult;
  /** What the worker said when it had computed it, if it did. */
  readonly computed: ComputedShard | undefined;
  /** When it came, by performance.now(). */
  readonly receivedMs: number;
}

/** Whether no number of it is NaN or too large. */
export function isUsable(received: ReceivedSum): boolean {
  return received.encoded ? allUsableEncoded(received.encoded) : allUsable(received.sum);
}

/** @param computed as of `Opinion` */
export function opinionOf(
  worker: RegisteredWorker,
  result: NodeResult,
  computed: ComputedShard | undefined,
  receivedMs: number,
): Opinion {
  return { link: worker.link, sum: result.sum, worker, result, computed, receivedMs };
}

/** Whether two answers to one shard are the same: bit by bit within a numeric class, to within rounding between two. */
export function areAlike(a: Answer, b: Answer): boolean {
  const bytes = ({ sum }: Answer) => Buffer.from(sum.buffer, sum.byteOffset, sum.byteLength);
  if (a.link.numericClass === b.link.numericClass) return bytes(a).equals(bytes(b));
  let [differing, whole] = [0, 0];
  for (let i = 0; i < a.sum.length; i++) {
    const [one = 0, other = 0] = [a.sum[i], b.sum[i]];
    differing += (one - other) ** 2;
    whole += other ** 2;
  }
  return differing <= CLASSES_DIFFER_BY ** 2 * whole;
}

import { createHash } from 'node:crypto';
import type { GantryError, TreeNode } from '@gantry/core';
import type { Wait } from './arrivals.ts';
import type { PublishedWeights } from './published-weights.ts';
import type { RoundSums } from './sum-thread.ts';
import type { UnitState } from './unit-state.ts';
import type { ComputedShard, RegisteredWorker } from './worker-registry.ts';
import type { AcceptedNode, AcceptedWork, RoundResult } from './round-result.ts';
import type { NodeResult } from './worker-link.ts';

/** Without an accepted result for so long stalls are looked for, and again each time so much more has passed. */
export const STALL_MS = 4000;
/** A run that still waits for the same says so again after this time. */
const WAIT_AGAIN_MS = 60_000;

/** The round that is being computed: its shards, what was accepted of them, and their sum so far. */
export class RoundInProgress {
  readonly weights: PublishedWeights;
  readonly shards: readonly UnitState[];
  /** Rejects with what `fail` is given. */
  readonly result: Promise<RoundResult>;
  readonly #sums: RoundSums;
  /** Contributions that can be taken back until the last one is there; undefined where they are added as they come. */
  readonly #apart: Apart[] | undefined;
  readonly #free: Float32Array[];
  #work: AcceptedWork[] = [];
  #nodes: AcceptedNode[] = [];
  readonly #beginMs = performance.now();
  #reduceMs = 0;
  #lastProgressMs = this.#beginMs;
  #stalledMs = this.#beginMs;
  /** What it was said to wait for, and when. */
  #waited: { readonly for: Wait['for']; readonly sinceMs: number } | undefined;
  #resolve!: (result: RoundResult) => void;
  #reject!: (error: GantryError) => void;

  /**
   * @param sums where contributions are added up
   * @param free vectors whose memory is used for copies of them
   * @param isApart whether contributions are kept apart until all are there
   */
  constructor(
    weights: PublishedWeights,
    shards: readonly UnitState[],
    sums: RoundSums,
    free: Float32Array[],
    isApart: boolean,
  ) {
    this.weights = weights;
    this.shards = shards;
    this.#free = free;
    this.#apart = isApart ? [] : undefined;
    this.#sums = sums;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get round(): number {
    return this.weights.round;
  }

  get isComplete(): boolean {
    return this.shards.every(({ accepted }) => accepted);
  }

  /** Since something got done, or could have. */
  get silentMs(): number {
    return performance.now() - this.#lastProgressMs;
  }

  /** Something got done, or can be done from now on. */
  progressed(): void {
    this.#lastProgressMs = performance.now();
    this.#waited = undefined;
  }

  /** Stalls that were not reported, if it is time to report some; they count as reported then. */
  takeStalls<T>(look: () => readonly T[]): readonly T[] {
    const now = performance.now();
    if (now - Math.max(this.#lastProgressMs, this.#stalledMs) <= STALL_MS) return [];
    const stalls = look();
    if (stalls.length > 0) this.#stalledMs = now;
    return stalls;
  }

  /** Whether it is time to say what is waited for, which then counts as said: when it lasts, changes, and then every minute. */
  takeWait(wait: Wait): boolean {
    if (this.silentMs <= STALL_MS) return false;
    const now = performance.now();
    if (this.#waited?.for === wait.for && now - this.#waited.sinceMs < WAIT_AGAIN_MS) return false;
    this.#waited = { for: wait.for, sinceMs: now };
    return true;
  }

  /**
   * Adds the sum of some shards, which other holders need not answer any more; the last one completes the round.
   * @param times what the worker said of shards that it had computed before it sent their sum
   * @param receivedMs when the answer came, by performance.now()
   */
  accept(
    entry: RegisteredWorker,
    shards: readonly UnitState[],
    result: NodeResult,
    times: ReadonlyMap<UnitState, ComputedShard | undefined>,
    receivedMs: number,
  ): void {
    const { level, index, encoded, samples, computeMs, waitMs } = result;
    const { name: worker, numericClass, place } = entry.link;
    for (const shard of shards) {
      shard.accept(entry, () => (level === 0 ? hashOf(result.sum) : undefined));
      for (const other of shard.holders) {
        other.take(shard);
        // That is how it can show that it is there again.
        if (!other.isLateWith(shard)) other.link.cancel(this.round, shard.work.index);
      }
      const own = times.get(shard) ?? { computeMs, waitMs, atMs: receivedMs };
      this.#work.push({
        shard: shard.work.index,
        worker,
        numericClass,
        samples: shard.samples,
        computeMs: own.computeMs,
        waitMs: own.waitMs,
        endMs: own.atMs - this.#beginMs,
        requeued: shard.requeued,
        duplicated: shard.duplicated,
      });
    }
    entry.accepted.shards += shards.length;
    entry.accepted.samples += samples;
    const totalMs = this.#work.slice(-shards.length).reduce((total, shard) => total + shard.computeMs, 0);
    const { engine, device } = place;
    // After all else that looks at it.
    if (this.#apart) this.#apart.push({ entry, shards, node: { level, index }, sum: result.sum, samples });
    else if (encoded) this.#sums.addEncoded(index, encoded);
    else this.#sums.add({ level, index }, result.sum);
    this.#nodes.push({ level, index, worker, numericClass, engine, device, samples, computeMs: totalMs });
    this.#reduceMs += performance.now() - receivedMs;
    this.progressed();
    if (!this.isComplete) return;
    for (const apart of this.#apart ?? []) {
      this.#sums.add(apart.node, apart.sum);
      this.#free.push(apart.sum);
    }
    this.#complete().catch(this.#reject);
  }

  async #complete(): Promise<void> {
    const sinceMs = performance.now();
    const root = await this.#sums.root();
    const now = performance.now();
    this.#reduceMs += now - sinceMs;
    const elapsedMs = now - this.#beginMs;
    this.#resolve({ root, work: this.#work, nodes: this.#nodes, reduceMs: this.#reduceMs, elapsedMs });
  }

  /** Takes back what was accepted of a worker, where contributions are kept apart: the shards wait for another one. */
  retract(identity: string): void {
    const all = this.#apart ?? [];
    const taken = all.filter(({ entry }) => entry.link.identity === identity);
    const shards = taken.flatMap((each) => each.shards);
    for (const shard of shards) shard.retract();
    for (const each of taken) {
      all.splice(all.indexOf(each), 1);
      each.entry.accepted.shards -= each.shards.length;
      each.entry.accepted.samples -= each.samples;
    }
    const isTaken = (index: number) => shards.some(({ work }) => work.index === index);
    this.#work = this.#work.filter(({ shard }) => !isTaken(shard));
    // What is apart is of one shard each.
    this.#nodes = this.#nodes.filter(({ index }) => !isTaken(index));
  }

  /** A copy of a contribution that is kept apart, in memory of earlier ones. */
  copyOf(sum: Float32Array): Float32Array {
    const at = this.#free.findLastIndex(({ length }) => length === sum.length);
    const [copy = new Float32Array(sum.length)] = at < 0 ? [] : this.#free.splice(at, 1);
    copy.set(sum);
    return copy;
  }

  /** It has no result any more, unless all of it is there already. */
  fail(error: GantryError): void {
    if (!this.isComplete) this.#reject(error);
  }
}

/** A contribution that is not added up yet. */
interface Apart {
  readonly entry: RegisteredWorker;
  readonly shards: readonly UnitState[];
  readonly node: TreeNode;
  readonly sum: Float32Array;
  readonly samples: number;
}

export function hashOf(contribution: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(contribution.buffer, contribution.byteOffset, contribution.byteLength))
    .digest('hex');
}

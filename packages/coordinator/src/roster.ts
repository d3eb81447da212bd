import type { ShardWork } from '@gantry/core';
import type { WorkerLink } from './worker-link.ts';

/** How much a new measurement of a worker's speed counts. */
const SPEED_WEIGHT = 0.3;
/** A worker may answer long after others did; of so many of its assignments that is remembered. */
const UNANSWERED_REMEMBERED = 4096;

/** A shard of a step on its way from "nobody has it" to "accepted". */
export interface ShardState {
  readonly work: ShardWork;
  readonly samples: number;
  /** Workers that were given it and whose answer is awaited. */
  readonly holders: Set<RosterEntry>;
  /** Workers whose answer was not finite. */
  readonly nonFinite: Set<RosterEntry>;
  /** Who gave the answer that counts; its hash where another answer may come. */
  accepted: { readonly worker: RosterEntry; readonly hash: string | undefined } | undefined;
}

/** A shard in the hands of a worker. */
interface HeldShard {
  readonly shard: ShardState;
  /** When the worker is thought to have begun with it, by performance.now(). */
  startedMs: number | undefined;
}

/** A worker as the scheduler sees it. */
export class RosterEntry {
  readonly link: WorkerLink;
  invalidResults = 0;
  /** What it was given and still has to answer, oldest first. */
  #held: HeldShard[] = [];
  /** All it was given and has not answered, also what no longer counts. */
  readonly #unanswered = new Set<string>();
  #msPerSample: number;

  constructor(link: WorkerLink) {
    this.link = link;
    this.#msPerSample = link.msPerSample;
  }

  get msPerSample(): number {
    return this.#msPerSample;
  }

  /** Learns from a result. */
  measured(samples: number, computeMs: number): void {
    this.#msPerSample += SPEED_WEIGHT * (computeMs / samples - this.#msPerSample);
  }

  /** The held shards of one step, oldest first. */
  heldOf(step: number): readonly HeldShard[] {
    return this.#held.filter(({ shard }) => shard.work.step === step);
  }

  get heldShards(): readonly ShardState[] {
    return this.#held.map(({ shard }) => shard);
  }

  give(shard: ShardState): void {
    this.#held.push({ shard, startedMs: undefined });
    this.#unanswered.add(keyOf(shard.work.step, shard.work.index));
    const [oldest] = this.#unanswered;
    if (oldest !== undefined && this.#unanswered.size > UNANSWERED_REMEMBERED) this.#unanswered.delete(oldest);
    shard.holders.add(this);
    this.link.assign(shard.work);
  }

  /** Takes a shard back; the worker may answer all the same. */
  take(shard: ShardState): void {
    this.#held = this.#held.filter((held) => held.shard !== shard);
    shard.holders.delete(this);
  }

  /** Whether an answer to this shard was awaited; it no longer is. */
  answered(step: number, index: number): boolean {
    return this.#unanswered.delete(keyOf(step, index));
  }

  /** Notes which shards of the step have come to the front, where they are computed. */
  noteStarts(step: number, now: number): void {
    for (const held of this.heldOf(step).slice(0, this.link.slots)) held.startedMs ??= now;
  }

  /** Expected time until it has computed all that it holds of a step and `samples` more, in ms. */
  expectedMs(step: number, samples = 0): number {
    const held = this.heldOf(step).reduce((sum, { shard }) => sum + shard.samples, 0);
    return ((held + samples) * this.#msPerSample) / this.link.slots;
  }
}

function keyOf(step: number, index: number): string {
  return `${step}/${index}`;
}

/** Median of the last shards' times per sample over all workers: what counts as late is measured by it. */
export class RecentPace {
  readonly #msPerSample: number[] = [];

  record(samples: number, computeMs: number): void {
    this.#msPerSample.push(computeMs / samples);
    if (this.#msPerSample.length > 64) this.#msPerSample.shift();
  }

  /** undefined until something was recorded */
  get medianMsPerSample(): number | undefined {
    const sorted = this.#msPerSample.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }
}

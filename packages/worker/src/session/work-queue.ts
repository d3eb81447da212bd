import { GantryError, type ShardWork } from '@gantry/core';

const MAX_QUEUED = 4096;
/** Shards that one lane prepares at most; its thread keeps no more. */
const MAX_PREPARED_PER_LANE = 4;

interface Entry<Lane> {
  readonly work: ShardWork;
  /** The lane that prepares the shard. */
  lane: Lane | undefined;
}

/** Shards that wait to be computed, in order of arrival. */
export class WorkQueue<Lane> {
  #entries: Entry<Lane>[] = [];

  /** @throws GantryError E_TOO_LARGE if too many are waiting */
  add(work: ShardWork): void {
    if (this.#entries.length >= MAX_QUEUED) {
      throw new GantryError('E_TOO_LARGE', `more than ${MAX_QUEUED} shards are waiting here`);
    }
    this.#entries.push({ work, lane: undefined });
  }

  /** Chooses which lane is to prepare the shard that came last: the one with the fewest, unless all have enough. */
  laneForLast(lanes: readonly Lane[]): Lane | undefined {
    const last = this.#entries.at(-1);
    const prepared = (lane: Lane) => this.#entries.filter((entry) => entry.lane === lane).length;
    const lane = lanes.toSorted((a, b) => prepared(a) - prepared(b))[0];
    if (!last || lane === undefined || prepared(lane) >= MAX_PREPARED_PER_LANE) return undefined;
    last.lane = lane;
    return lane;
  }

  /** Takes the next shard of a step for a lane: one that it has prepared, else one that nobody has, else any. */
  takeFor(lane: Lane, step: number): ShardWork | undefined {
    const ofStep = this.#entries.filter(({ work }) => work.step === step);
    const chosen =
      ofStep.find((entry) => entry.lane === lane) ?? ofStep.find((entry) => entry.lane === undefined) ?? ofStep[0];
    this.#entries = this.#entries.filter((entry) => entry !== chosen);
    return chosen?.work;
  }

  some(predicate: (work: ShardWork) => boolean): boolean {
    return this.#entries.some(({ work }) => predicate(work));
  }

  cancel(step: number, index: number): void {
    this.#entries = this.#entries.filter(({ work }) => work.step !== step || work.index !== index);
  }

  /** Drops the shards of earlier steps. */
  dropBefore(step: number): void {
    this.#entries = this.#entries.filter(({ work }) => work.step >= step);
  }

  clear(): void {
    this.#entries = [];
  }
}

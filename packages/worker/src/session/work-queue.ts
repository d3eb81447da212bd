import { GantryError, type Unit } from '@gantry/core';

const MAX_QUEUED = 4096;
/** Shards that one slot prepares at most; its thread keeps no more. */
const MAX_PREPARED_PER_SLOT = 4;

interface Entry<Slot, Work> {
  readonly work: Work;
  /** The slot that prepares the shard. */
  slot: Slot | undefined;
}

/** Shards that wait to be computed, in order of arrival. */
export class WorkQueue<Slot, Work extends Unit = Unit> {
  #entries: Entry<Slot, Work>[] = [];

  /** @throws GantryError E_TOO_LARGE if too many are waiting */
  add(work: Work): void {
    if (this.#entries.length >= MAX_QUEUED) {
      throw new GantryError('E_TOO_LARGE', `more than ${MAX_QUEUED} shards are waiting here`);
    }
    this.#entries.push({ work, slot: undefined });
  }

  /** Chooses which slot is to prepare the shard that came last: the one with the fewest, unless all have enough. */
  slotForLast(slots: readonly Slot[]): Slot | undefined {
    const last = this.#entries.at(-1);
    const prepared = (slot: Slot) => this.#entries.filter((entry) => entry.slot === slot).length;
    const slot = slots.toSorted((a, b) => prepared(a) - prepared(b))[0];
    if (!last || slot === undefined || prepared(slot) >= MAX_PREPARED_PER_SLOT) return undefined;
    last.slot = slot;
    return slot;
  }

  /** Takes the next shard of a round for a slot: one that it has prepared, else one that nobody has, else any. */
  takeFor(slot: Slot, round: number): Work | undefined {
    const ofRound = this.#entries.filter(({ work }) => work.round === round);
    const chosen =
      ofRound.find((entry) => entry.slot === slot) ?? ofRound.find((entry) => entry.slot === undefined) ?? ofRound[0];
    this.#entries = this.#entries.filter((entry) => entry !== chosen);
    return chosen?.work;
  }

  some(predicate: (work: Work) => boolean): boolean {
    return this.#entries.some(({ work }) => predicate(work));
  }

  cancel(round: number, index: number): void {
    this.#entries = this.#entries.filter(({ work }) => work.round !== round || work.index !== index);
  }

  /** Drops the shards of earlier rounds. */
  dropBefore(round: number): void {
    this.#entries = this.#entries.filter(({ work }) => work.round >= round);
  }

  clear(): void {
    this.#entries = [];
  }
}

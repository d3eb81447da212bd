import { GantryError, samplesIn, type LoadedUnit, type Program } from '@gantry/core';
import type { EngineHost } from './engine-host.ts';

export interface SlotEvents {
  /** The slot has nothing to compute any more. */
  free(): void;
  /** Something that people should know. */
  notice(text: string): void;
}

/** One engine that computes one shard at a time, and is replaced when it dies. */
export class EngineSlot {
  readonly #start: () => EngineHost;
  readonly #events: SlotEvents;
  #host: EngineHost;
  #program: Program | undefined;
  /** What the engine was given last. */
  #weights: Float32Array | undefined;
  #busy = false;
  #idleSince = performance.now();

  constructor(start: () => EngineHost, events: SlotEvents) {
    this.#start = start;
    this.#events = events;
    this.#host = start();
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** When the last shard was done, on the clock of `performance.now()`. */
  get idleSince(): number {
    return this.#idleSince;
  }

  /** Whether the engine died and is not replaced any more. */
  get dead(): boolean {
    return this.#host.dead;
  }

  /** For calls that are no shards; whoever sets weights here must load again. */
  get host(): EngineHost {
    return this.#host;
  }

  /** @throws GantryError E_ENGINE */
  async load(program: Program): Promise<void> {
    this.#program = program;
    this.#weights = undefined;
    await this.#host.load(program);
  }

  /** Lets the engine build a shard's inputs while it has nothing else to do. */
  prepare({ data, ...unit }: LoadedUnit): void {
    const batches = unit.batches.slice(0, 1);
    // A thread gets a copy of all memory that an array shares. Not slice(): that of a Node Buffer would share it.
    const ofFirst = new Uint8Array(data.subarray(0, (data.length / samplesIn(unit)) * samplesIn({ batches })));
    // If it fails, computing the shard fails in the same way, and there it is reported.
    void this.#host.prepare({ ...unit, batches, data: ofFirst }).catch(() => undefined);
  }

  /**
   * Computes a unit. If the engine dies of it, a new one tries once more; if that dies too, the slot is `dead`.
   * @param weights what was published, in shared memory; does not change until all slots have newer ones
   * @param recycled an answer whose memory is used again
   * @param progressed as of `EngineHost.answer`
   * @throws GantryError E_ENGINE
   */
  async compute(
    unit: LoadedUnit,
    weights: Float32Array,
    recycled?: Uint8Array<ArrayBuffer>,
    progressed?: (batches: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.#busy = true;
    try {
      try {
        return await this.#answer(unit, weights, recycled, progressed);
      } catch (error) {
        if (!this.dead) throw error;
        return await this.#computeAnew(unit, weights, describe(error));
      }
    } finally {
      this.#busy = false;
      this.#idleSince = performance.now();
      this.#events.free();
    }
  }

  async dispose(): Promise<void> {
    await this.#host.dispose();
  }

  async #answer(
    unit: LoadedUnit,
    weights: Float32Array,
    recycled?: Uint8Array<ArrayBuffer>,
    progressed?: (batches: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    // Both are under way at once: the engine takes calls in order.
    const set = this.#weights === weights ? undefined : this.#host.setWeights(weights);
    this.#weights = weights;
    const [answer] = await Promise.all([this.#host.answer(unit, recycled, progressed), set]);
    return answer;
  }

  async #computeAnew(shard: LoadedUnit, weights: Float32Array, cause: string) {
    const where = `round ${shard.round}, shard ${shard.index}`;
    this.#events.notice(`${where}: ${cause}; trying again with a new one`);
    this.#host = this.#start();
    this.#weights = undefined;
    try {
      if (this.#program) await this.#host.load(this.#program);
      return await this.#answer(shard, weights);
    } catch (error) {
      if (!this.dead) throw error;
      throw new GantryError('E_ENGINE', `it died twice of one shard (${where}): ${describe(error)}`, { cause: error });
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { Program } from '@gantry/core';
import { delay } from '../session/delay.ts';
import type { EngineHost } from './engine-host.ts';
import { EngineSlot } from './engine-slot.ts';
import { probeOf } from '../engines/numeric-class.ts';

/** Shards under way cannot be interrupted; nobody waits longer for them at the end. */
const DISPOSE_TIMEOUT_MS = 1000;

/** The engines of a worker. They outlive its connections, so that reconnecting costs nothing. */
export class EnginePool {
  readonly slots: readonly EngineSlot[];
  /** Called when a slot has become free; the current session sets it. */
  onFree: () => void = () => undefined;
  #loaded: { readonly key: string; readonly probe: Promise<string> } | undefined;

  /**
   * @param start starts an engine; called again where one has died
   * @param threads shards that are computed at the same time
   */
  constructor(start: () => EngineHost, threads: number, notice: (text: string) => void) {
    const free = () => this.onFree();
    this.slots = Array.from({ length: threads }, () => new EngineSlot(start, { free, notice }));
  }

  /**
   * Loads a program on all threads and probes them, unless the program of the same key is loaded already.
   * @param key equal for equal programs only
   * @returns what confirms the numeric class
   * @throws GantryError E_ENGINE
   */
  load(key: string, program: Program): Promise<string> {
    if (this.#loaded?.key !== key) {
      // A probe that is under way would set its weights in the middle of this one.
      const previous = this.#loaded?.probe.catch(() => undefined);
      this.#loaded = { key, probe: this.#loadAfter(previous, program) };
    }
    return this.#loaded.probe;
  }

  async dispose(): Promise<void> {
    const limit = new AbortController();
    const disposed = Promise.allSettled(this.slots.map((slot) => slot.dispose()));
    await Promise.race([disposed, delay(DISPOSE_TIMEOUT_MS, limit.signal)]);
    limit.abort();
  }

  async #loadAfter(previous: Promise<unknown> | undefined, program: Program): Promise<string> {
    await previous;
    await Promise.all(this.slots.map((slot) => slot.load(program)));
    const [first] = this.slots;
    if (!first) throw new RangeError('a pool without threads');
    return probeOf(first.host, program);
  }
}

import type { Program } from '@gantry/core';
import { delay } from '../session/delay.ts';
import type { EngineHost } from './engine-host.ts';
import { EngineSlot } from './engine-slot.ts';
import { probeOf } from '../engines/numeric-class.ts';
import { probeMs } from '../engines/probe-time.ts';

/** Shards under way cannot be interrupted; nobody waits longer for them at the end. */
const DISPOSE_TIMEOUT_MS = 1000;

/** What is known of a program once it is loaded. */
export interface Probed {
  /** What confirms the numeric class. */
  readonly probe: string;
  /** How long the probe shard takes; absent: nobody asked. */
  readonly probeMs?: number;
}

/** The engines of a worker. They outlive its connections, so that reconnecting costs nothing. */
export class EnginePool {
  readonly slots: readonly EngineSlot[];
  /** Called when a slot has become free; the current session sets it. */
  onFree: () => void = () => undefined;
  #loaded: { readonly key: string; readonly probed: Promise<Probed> } | undefined;

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
   * @param isTimed whether the time of the probe shard is of interest, too; always the same
   * @throws GantryError E_ENGINE
   */
  load(key: string, program: Program, isTimed: boolean): Promise<Probed> {
    if (this.#loaded?.key !== key) {
      // A probe that is under way would set its weights in the middle of this one.
      const previous = this.#loaded?.probed.catch(() => undefined);
      this.#loaded = { key, probed: this.#loadAfter(previous, program, isTimed) };
    }
    return this.#loaded.probed;
  }

  async dispose(): Promise<void> {
    const limit = new AbortController();
    const disposed = Promise.allSettled(this.slots.map((slot) => slot.dispose()));
    await Promise.race([disposed, delay(DISPOSE_TIMEOUT_MS, limit.signal)]);
    limit.abort();
  }

  async #loadAfter(previous: Promise<unknown> | undefined, program: Program, isTimed: boolean): Promise<Probed> {
    await previous;
    await Promise.all(this.slots.map((slot) => slot.load(program)));
    const [first] = this.slots;
    if (!first) throw new RangeError('a pool without threads');
    const probe = await probeOf(first.host, program);
    return { probe, ...(isTimed && { probeMs: await probeMs(first.host, program) }) };
  }
}

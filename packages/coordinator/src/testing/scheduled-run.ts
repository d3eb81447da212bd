import type { PlannedUnit, RunEvent } from '@gantry/core';
import { Scheduler, type SchedulerOptions } from '../scheduling/scheduler.ts';
import { NO_TRAFFIC, type WorkerLink } from '../scheduling/worker-link.ts';

const SAMPLES = 2;

/** A scheduler whose workers answer when the test says so. */
export class ScheduledRun {
  readonly events: RunEvent[] = [];
  readonly scheduler: Scheduler;
  readonly #held = new Map<WorkerLink, number[]>();
  #samples = SAMPLES;

  constructor(options: SchedulerOptions = {}) {
    this.scheduler = new Scheduler((event) => this.events.push(event), options);
  }

  /** @param identity who it is; there may be several links of it, one after another */
  join(identity: string, different: Partial<WorkerLink> = {}): WorkerLink {
    const held: number[] = [];
    const link: WorkerLink = {
      name: identity,
      identity,
      isTrusted: true,
      numericClass: '0',
      slots: 1,
      place: { address: 'here', engine: 'none', device: 'none' },
      traffic: () => NO_TRAFFIC,
      setWeights: () => undefined,
      isBehind: () => false,
      isWaiting: () => false,
      assign: ({ index }) => void held.push(index),
      cancel: (_, index) => void held.splice(held.indexOf(index), 1),
      refuse: () => undefined,
      drop: () => undefined,
      dismiss: () => undefined,
      restart: () => undefined,
      ...different,
    };
    this.#held.set(link, held);
    this.scheduler.join(link);
    return link;
  }

  /** Shards of the round that a worker was given and has to answer. */
  heldBy(link: WorkerLink): readonly number[] {
    return [...(this.#held.get(link) ?? [])];
  }

  /**
   * @param steps batches of each unit
   * @param signal stops it, without giving it up
   * @param ahead shards of the next round
   */
  round(
    shards: number,
    steps = 1,
    signal: AbortSignal = new AbortController().signal,
    { number = 0, ahead = 0 }: { readonly number?: number; readonly ahead?: number } = {},
  ) {
    this.#samples = steps * SAMPLES;
    const weights = {
      round: number,
      values: new Float32Array(1),
      frames: [],
      updateFrames: undefined,
      hold: () => () => undefined,
    };
    return this.scheduler.runRound(weights, unitsOf(number, shards, steps), unitsOf(number + 1, ahead, steps), signal);
  }

  /** @param computeMs that it claims to have taken */
  answer(link: WorkerLink, index: number, value: number, computeMs = 1): void {
    const held = this.#held.get(link) ?? [];
    held.splice(held.indexOf(index), 1);
    const sum = Float32Array.of(value);
    this.scheduler.result(link, { round: 0, level: 0, index, samples: this.#samples, sum, computeMs, waitMs: 0 });
  }
}

function unitsOf(round: number, count: number, steps: number): PlannedUnit[] {
  return Array.from({ length: count }, (_, index) => {
    const batches = Array.from({ length: steps }, (_each, step) => {
      return { step, iteration: 0, first: index * SAMPLES, samples: SAMPLES };
    });
    return { round, index, batches, samples: new Uint32Array(steps * SAMPLES) };
  });
}

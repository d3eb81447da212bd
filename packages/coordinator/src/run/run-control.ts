import { EventEmitter, once } from 'node:events';
import type { Control, ControlResult, TrainConfig } from '@gantry/core';
import type { Scheduler } from '../scheduling/scheduler.ts';

/** How long a request for a checkpoint waits for it. */
const CHECKPOINT_WAIT_MS = 10_000;

/** What the training loop does for those who steer it. */
export interface Steered {
  checkpoint(): Promise<void>;
  event(type: 'paused' | 'continued', cause: string): void;
}

/** How people steer a run while it goes on; the training loop obeys between two steps. */
export class RunControl {
  readonly #scheduler: Scheduler;
  /** What is finished before the run obeys. */
  readonly #unit: 'step' | 'round';
  readonly #stop = new AbortController();
  readonly #changes = new EventEmitter<{ change: []; checkpoint: [saved: boolean] }>();
  /** Who asked for a pause; undefined while the run may go on. */
  #pauseCause: string | undefined;
  #continueCause = '';
  #paused = false;
  #checkpointWanted = false;
  #over = false;

  constructor(scheduler: Scheduler, { localSteps }: Pick<TrainConfig, 'localSteps'>) {
    this.#scheduler = scheduler;
    this.#unit = localSteps > 1 ? 'round' : 'step';
    // As many may ask for a checkpoint as there are connections.
    this.#changes.setMaxListeners(0);
  }

  /** Aborted when the run shall stop after the step under way. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  get stopping(): boolean {
    return this.#stop.signal.aborted && !this.#over;
  }

  /** No step is under way, and none begins. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Does what was asked for, or says why not.
   * @param by who asks, for the record
   */
  async act(control: Control, by: string): Promise<ControlResult> {
    if (this.#over) return refused('The run has ended.');
    if (this.stopping) return refused('The run is stopping.');
    const cause = `asked for by ${by}`;
    switch (control.action) {
      case 'pause':
        if (this.#pauseCause !== undefined) return refused('The run is paused already.');
        this.#pauseCause = cause;
        return done(`The run pauses after the ${this.#unit} under way; its workers stay attached.`);
      case 'resume':
        if (this.#pauseCause === undefined) return refused('The run is not paused.');
        this.#pauseCause = undefined;
        this.#continueCause = cause;
        this.#changes.emit('change');
        return done('The run goes on.');
      case 'checkpoint':
        return this.#requestCheckpoint();
      case 'stop':
        this.#stop.abort();
        return done(`The run stops after the ${this.#unit} under way, with a checkpoint; --resume goes on from there.`);
      case 'drop': {
        const dropped = this.#scheduler.drop(control.worker, `dropped, ${cause}`);
        if (!dropped) return refused(`There is no worker ${control.worker}.`);
        return done(`${control.worker} was sent away; what it held goes to others.`);
      }
    }
  }

  /**
   * Called between two steps: saves a checkpoint if one was asked for, and returns once the run may go on.
   * @returns time in which it waited, in ms
   */
  async obey(run: Steered, signal: AbortSignal): Promise<number> {
    let pausedMs = 0;
    try {
      for (;;) {
        const cause = this.#pauseCause;
        if (this.#checkpointWanted) {
          this.#checkpointWanted = false;
          await run.checkpoint();
          this.#changes.emit('checkpoint', true);
          continue;
        }
        if (cause === undefined || signal.aborted) break;
        if (!this.#paused) run.event('paused', cause);
        this.#paused = true;
        const begin = performance.now();
        // It rejects when the signal aborts, and then the loop ends.
        await once(this.#changes, 'change', { signal }).catch(() => undefined);
        pausedMs += performance.now() - begin;
      }
      if (this.#paused && this.#pauseCause === undefined) run.event('continued', this.#continueCause);
    } finally {
      this.#paused = false;
    }
    return pausedMs;
  }

  /** The run has ended. @param saved whether its last state is a checkpoint */
  end(saved: boolean): void {
    this.#over = true;
    this.#changes.emit('checkpoint', saved);
  }

  async #requestCheckpoint(): Promise<ControlResult> {
    const written = once(this.#changes, 'checkpoint', { signal: AbortSignal.timeout(CHECKPOINT_WAIT_MS) });
    this.#checkpointWanted = true;
    this.#changes.emit('change');
    try {
      const [saved] = (await written) as [boolean];
      return saved ? done('The checkpoint is written.') : refused('The run failed before.');
    } catch {
      return done(`The checkpoint follows the ${this.#unit} under way, which takes long.`);
    }
  }
}

function done(message: string): ControlResult {
  return { ok: true, message };
}

function refused(message: string): ControlResult {
  return { ok: false, message };
}

import { setTimeout as delay } from 'node:timers/promises';
import { Gantry, type Finished } from '../support/gantry-process.ts';
import { within } from '../support/within.ts';

/** Ample for a loaded machine: a process that needs longer hangs. */
const END_LIMIT_MS = 60_000;

/** What those who act on the cluster share. */
export interface ChaosContext {
  /** Aborted as soon as the chaos has failed: all waits end. */
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Something happened that no fault excuses. */
  readonly fail: (problem: string) => void;
  /** Remembers a process for its log. */
  readonly started: (name: string, process: Gantry) => void;
}

/** A place in the cluster where a process runs, and after its end the next one. */
export class Slot {
  readonly #context: ChaosContext;
  /** Called when the process ends and nobody ended it. */
  readonly #onEnded: (finished: Finished) => void;
  #process: Gantry | undefined;
  #isEnding = false;

  constructor(context: ChaosContext, onEnded: (finished: Finished) => void) {
    this.#context = context;
    this.#onEnded = onEnded;
  }

  get process(): Gantry {
    if (!this.#process) throw new Error('nothing runs here yet');
    return this.#process;
  }

  /** @param name for the log */
  launch(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
    const started = new Gantry(args, env);
    this.#process = started;
    this.#isEnding = false;
    this.#context.started(name, started);
    started.finished.then(
      (finished) => {
        if (!this.#isEnding && this.#process === started) this.#onEnded(finished);
      },
      (error: unknown) => this.#context.fail(`${name}: ${String(error)}`),
    );
  }

  /** From now on it is no failure if the process ends. */
  mayEnd(): void {
    this.#isEnding = true;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Finished> {
    this.process.process.kill(signal);
    return this.ended();
  }

  /** Waits for an end that is expected. */
  async ended(limitMs = END_LIMIT_MS): Promise<Finished> {
    this.mayEnd();
    return within(limitMs, 'the end of a process', this.process.finished);
  }

  /** @returns whether it has ended by then */
  async endsWithin(ms: number): Promise<boolean> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#context.signal]);
    const late = delay(ms, false, { signal });
    const ended = this.process.finished.then(() => true);
    // Whichever comes second is of no interest.
    late.catch(() => undefined);
    return Promise.race([ended, late]).finally(() => over.abort());
  }

  /** Stops the process as it stands, and lets it go on after a while. */
  async freeze(ms: number): Promise<void> {
    const { process } = this.process;
    process.kill('SIGSTOP');
    await this.wait(ms).finally(() => process.kill('SIGCONT'));
  }

  wait(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#context.signal });
  }
}

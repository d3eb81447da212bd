import type { Finished } from '../support/gantry-process.ts';
import { lastWords } from './coordinator-slot.ts';
import { Slot, type ChaosContext } from './slot.ts';

/** Ample for one that was told that the run is finished. */
const LEARN_LIMIT_MS = 10_000;

/** One worker of the cluster and those who take its place. */
export class WorkerSlot {
  readonly #context: ChaosContext;
  readonly #name: string;
  readonly #url: string;
  readonly #token: string;
  readonly #slot: Slot;
  #launched = 0;
  #currentName = '';

  constructor(context: ChaosContext, name: string, url: string, token: string) {
    this.#context = context;
    this.#name = name;
    this.#url = url;
    this.#token = token;
    this.#slot = new Slot(context, (finished) => this.#endedByItself(finished));
  }

  /** Of the one that runs now. */
  get currentName(): string {
    return this.#currentName;
  }

  launch(): void {
    // Another name each time: the coordinator remembers who broke the protocol, and garbage looks like that.
    this.#currentName = `${this.#name}-${++this.#launched}`;
    const args = ['worker', this.#url, '--threads', '1', '--name', this.#currentName];
    this.#slot.launch(this.#currentName, args, { GANTRY_TOKEN: this.#token });
  }

  async kill(downMs: number): Promise<void> {
    await this.#slot.end('SIGKILL');
    await this.#replace(downMs);
  }

  async leave(downMs: number): Promise<void> {
    const finished = await this.#slot.end('SIGTERM');
    // Before it listens to signals, one ends it at once.
    const wasStarting = finished.signal === 'SIGTERM' && finished.stderr === '';
    if (finished.code !== 0 && !wasStarting && !wasQuarantined(finished)) {
      this.#context.fail(`${this.#name} did not leave well: ${lastWords(finished)}`);
    }
    await this.#replace(downMs);
  }

  freeze(ms: number): Promise<void> {
    return this.#slot.freeze(ms);
  }

  /** From now on it may end: the run is about to finish. */
  mayEnd(): void {
    this.#slot.mayEnd();
  }

  /** Waits for its end after the run's; one that was away when the run finished has to be told. */
  async finished(): Promise<void> {
    const learnt = await this.#slot.endsWithin(LEARN_LIMIT_MS);
    const finished = learnt ? await this.#slot.ended() : await this.#slot.end('SIGTERM');
    if (finished.code !== 0) this.#context.fail(`${this.#name} did not end with the run: ${lastWords(finished)}`);
  }

  async #replace(downMs: number): Promise<void> {
    await this.#slot.wait(downMs);
    this.launch();
  }

  #endedByItself(finished: Finished): void {
    if (!wasQuarantined(finished)) {
      this.#context.fail(`${this.#name} ended by itself: ${lastWords(finished)}`);
      return;
    }
    this.#context.say(`${this.#name} was quarantined; another one comes`);
    this.launch();
  }
}

/** Garbage on its link looks as if it broke the protocol; after three times the coordinator wants no more of it. */
function wasQuarantined({ code, stderr }: Finished): boolean {
  return code === 1 && stderr.includes('E_QUARANTINED');
}

import type { Finished, Gantry } from '../support/gantry-process.ts';
import { within } from '../support/within.ts';
import { TINY_DATA } from '../support/tiny.ts';
import { Slot, type ChaosContext } from './slot.ts';

const READY_LIMIT_MS = 120_000;
const LISTENS = /^attach workers with/m;
const SIGINT_EXIT_CODE = 130;

export interface CoordinatorPlace {
  /** Run directory. */
  readonly run: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
}

/** The coordinator of the run and those who go on with it. */
export class CoordinatorSlot {
  readonly #context: ChaosContext;
  readonly #place: CoordinatorPlace;
  readonly #slot: Slot;
  /** All so far, the present one last. */
  readonly #launched: Gantry[] = [];
  #kills = 0;

  constructor(context: ChaosContext, place: CoordinatorPlace) {
    this.#context = context;
    this.#place = place;
    this.#slot = new Slot(context, (finished) =>
      context.fail(`the coordinator ended by itself: ${lastWords(finished)}`),
    );
  }

  /** SIGKILLs that hit a live process. */
  get kills(): number {
    return this.#kills;
  }

  /** Those who went on with the run and came so far that they listened. */
  get resumes(): number {
    return this.#launched.slice(1).filter(({ stderr }) => LISTENS.test(stderr)).length;
  }

  /** @param options of the run: all for a new one, changes with `--resume` */
  launch(...options: string[]): void {
    const { run, port, allowedHosts } = this.#place;
    const listen = ['--listen', `127.0.0.1:${port}`, '--allow-host', ...allowedHosts];
    const name = `coordinator-${this.#launched.length + 1}`;
    this.#slot.launch(name, ['coordinator', ...listen, '--run', run, ...options]);
    this.#launched.push(this.#slot.process);
  }

  /** Resolves once it listens. */
  async ready(): Promise<void> {
    await within(READY_LIMIT_MS, 'the start of the coordinator', this.#slot.process.output(LISTENS));
  }

  async kill(downMs: number): Promise<void> {
    const { signal } = await this.#slot.end('SIGKILL');
    if (signal === 'SIGKILL') this.#kills++;
    await this.#resume(downMs);
  }

  async killTwice(downMs: number, upMs: number): Promise<void> {
    await this.kill(downMs);
    await this.#slot.wait(upMs);
    await this.kill(downMs);
  }

  /** Stops it as Ctrl-C does, as soon as it listens. */
  async stop(): Promise<void> {
    await this.ready();
    const finished = await this.#slot.end('SIGINT');
    if (finished.code !== SIGINT_EXIT_CODE)
      this.#context.fail(`the coordinator did not stop well: ${lastWords(finished)}`);
  }

  async stopAndResume(downMs: number): Promise<void> {
    await this.stop();
    await this.#resume(downMs);
  }

  freeze(ms: number): Promise<void> {
    return this.#slot.freeze(ms);
  }

  /** Waits for the end of the run. */
  async finished(limitMs: number): Promise<void> {
    const finished = await this.#slot.ended(limitMs);
    if (finished.code !== 0) this.#context.fail(`the run did not finish: ${lastWords(finished)}`);
  }

  async #resume(downMs: number): Promise<void> {
    await this.#slot.wait(downMs);
    this.launch('--resume', ...TINY_DATA);
  }
}

/** How a process ended and what it said last. */
export function lastWords({ code, signal, stderr }: Finished): string {
  return `${signal ?? `exit code ${code}`}: ${stderr.trimEnd().split('\n').slice(-3).join(' / ')}`;
}

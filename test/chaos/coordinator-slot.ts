import { containersAreAvailable, inContainer } from '../support/containers.ts';
import { GANTRY, Gantry, type Finished } from '../support/gantry-process.ts';
import type { Target } from '../support/hostile-peer.ts';
import { LyingRelay } from '../support/lying-relay.ts';
import type { SmallDisk } from '../support/small-disk.ts';
import { within } from '../support/within.ts';
import { TINY_DATA } from '../support/tiny.ts';
import { Slot, type ChaosContext } from './slot.ts';

const READY_LIMIT_MS = 120_000;
const LISTENS = /^attach workers with/m;
const SIGINT_EXIT_CODE = 130;
/** Results of a liar before its first lie. */
const HONEST_AT_FIRST = 2;
/** It joins, computes one shard, and somebody else computes that, too: whatever else strikes meanwhile. */
const LIAR_LIMIT_MS = 120_000;
/** Until something is to be written. */
const END_OF_ROOM_LIMIT_MS = 120_000;

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

  /** Resumes it with audits, and lets a worker join that lies: it has to be found out at once. */
  async expose(downMs: number, target: Target): Promise<void> {
    await this.stop();
    await this.#resume(downMs, '--audit', '1');
    await this.ready();
    // A newcomer's first answer is compared in any case.
    let results = 0;
    const relay = await LyingRelay.open(target.url, () => ++results > HONEST_AT_FIRST);
    const args = ['worker', relay.url, '--threads', '1', '--name', 'liar'];
    const liar = new Gantry(args, { GANTRY_TOKEN: target.token });
    this.#context.started(`liar-${this.#launched.length}`, liar);
    try {
      const finished = await within(LIAR_LIMIT_MS, 'the end of a liar', liar.finished);
      if (!finished.stderr.includes('E_QUARANTINED')) {
        this.#context.fail(`a liar was not found out: ${lastWords(finished)}`);
      }
    } finally {
      relay.close();
    }
  }

  /** Fills the disk under the run: it ends in one line, and goes on once there is room. */
  async fill(disk: SmallDisk, downMs: number): Promise<void> {
    await this.ready();
    this.#slot.mayEnd();
    disk.fill();
    const finished = await this.#slot.ended(END_OF_ROOM_LIMIT_MS);
    if (finished.code !== 1 || !finished.stderr.includes('E_RUN_DIRECTORY')) {
      this.#context.fail(`a full disk did not end the coordinator in one line: ${lastWords(finished)}`);
    }
    disk.free();
    await this.#resume(downMs);
  }

  /** A second one, that sees no process of the first, must not get the run. */
  async repel(): Promise<void> {
    await this.ready();
    const args = ['coordinator', '--resume', ...TINY_DATA, '--listen', '127.0.0.1:0', '--run', this.#place.run];
    const second = new Gantry(args, {}, containersAreAvailable() ? inContainer('elsewhere', GANTRY) : GANTRY);
    this.#context.started(`second-${this.#launched.length}`, second);
    const finished = await within(READY_LIMIT_MS, 'the end of a second coordinator', second.finished);
    if (finished.code !== 1 || !finished.stderr.includes('is being written by')) {
      this.#context.fail(`a second coordinator was not refused: ${lastWords(finished)}`);
    }
  }

  async #resume(downMs: number, ...options: string[]): Promise<void> {
    await this.#slot.wait(downMs);
    this.launch('--resume', ...TINY_DATA, ...options);
  }
}

/** How a process ended and what it said last. */
export function lastWords({ code, signal, stderr }: Finished): string {
  return `${signal ?? `exit code ${code}`}: ${stderr.trimEnd().split('\n').slice(-3).join(' / ')}`;
}

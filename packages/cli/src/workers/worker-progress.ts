import type { ShardDone, WorkerObserver } from '@gantry/worker';

const LINE_INTERVAL_MS = 2000;
const REDRAW_INTERVAL_MS = 500;

/** Shows a worker on standard error: one line that is drawn again on a terminal, plain lines otherwise. */
export class WorkerProgress implements WorkerObserver {
  readonly #out: NodeJS.WriteStream;
  #status = '';
  #shownAt = -Infinity;
  /** Thread time since the last time that it was shown. */
  #computeMs = 0;
  #waitMs = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  connected(run: string): void {
    this.notice(`joined run ${run}`);
  }

  waiting(reason: string): void {
    this.notice(`waiting for the coordinator: ${reason}`);
  }

  shardDone({ step, shards, imagesPerSecond, computeMs, waitMs }: ShardDone): void {
    this.#computeMs += computeMs;
    this.#waitMs += waitMs;
    const now = performance.now();
    if (now - this.#shownAt < (this.#out.isTTY ? REDRAW_INTERVAL_MS : LINE_INTERVAL_MS)) return;
    this.#shownAt = now;
    const waiting = (100 * this.#waitMs) / (this.#waitMs + this.#computeMs || 1);
    this.#computeMs = 0;
    this.#waitMs = 0;
    this.#erase();
    this.#status =
      `step ${step}, ${shards} shard${shards === 1 ? '' : 's'} done, ${imagesPerSecond.toFixed(0)} images/s, ` +
      `waiting ${waiting.toFixed(0)}%`;
    this.#out.write(this.#out.isTTY ? this.#status : `${this.#status}\n`);
  }

  /** A line that stays, above the one that is drawn again. */
  notice(text: string): void {
    this.#erase();
    this.#out.write(`${text}\n`);
    if (this.#out.isTTY) this.#out.write(this.#status);
  }

  /** What follows on the terminal starts on a new line. */
  stop(): void {
    if (this.#out.isTTY && this.#status !== '') this.#out.write('\n');
    this.#status = '';
  }

  #erase(): void {
    if (!this.#out.isTTY) return;
    this.#out.cursorTo(0);
    this.#out.clearLine(0);
  }
}

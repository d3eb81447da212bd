import { Presets, SingleBar } from 'cli-progress';

/** Without a terminal, a line at most this often. */
const LINE_INTERVAL_MS = 10_000;

/** Shows how far images are decoded: a bar on a terminal, plain lines otherwise. Nothing where that takes no time. */
export class DecodingProgress {
  readonly #out: NodeJS.WriteStream;
  readonly #bar: SingleBar | undefined;
  #lastLine = performance.now();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    if (!out.isTTY) return;
    const format = 'decoding {bar} {value}/{total} images | ETA {eta_formatted}';
    this.#bar = new SingleBar({ stream: out, format, hideCursor: true, barsize: 20 }, Presets.shades_classic);
  }

  show(done: number, total: number): void {
    if (this.#bar) {
      if (this.#bar.isActive) this.#bar.update(done);
      else this.#bar.start(total, done);
    } else if (performance.now() - this.#lastLine >= LINE_INTERVAL_MS) {
      this.#lastLine = performance.now();
      this.#out.write(`decoded ${done} of ${total} images\n`);
    }
  }

  /** What follows on the terminal starts on a new line. */
  stop(): void {
    this.#bar?.stop();
  }
}

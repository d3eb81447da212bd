import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { GantryError, type ErrorCode } from '@gantry/core';
import { owned, temporaryDirectory } from './owned.ts';

const GANTRY = fileURLToPath(new URL('../../bin/gantry.js', import.meta.url));
let stateHome: string | undefined;

/** A real `gantry` process for a benchmark. Its tokens are announced in a place of the benchmark's own. */
export class GantryProcess {
  readonly process: ChildProcess;
  /** Resolves with the exit code; null where a signal ended it. */
  readonly finished: Promise<number | null>;
  #stderr = '';
  #hasEnded = false;
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[]) {
    stateHome ??= temporaryDirectory();
    const child = spawn(process.execPath, [GANTRY, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: stateHome },
    });
    this.process = owned(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const listener of this.#listeners) listener();
    });
    this.finished = once(child, 'close').then(([code]) => {
      this.#hasEnded = true;
      for (const listener of this.#listeners) listener();
      return code as number | null;
    });
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /**
   * Waits until standard error matches.
   * @throws GantryError with the process's own complaint if it ends before, E_TIMEOUT if it takes longer
   */
  output(pattern: RegExp, limitMs: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.#stderr);
        if (!match && !this.#hasEnded) return;
        settle();
        if (match) resolve(match);
        else reject(this.complaint());
      };
      const timer = setTimeout(() => {
        settle();
        reject(new GantryError('E_TIMEOUT', `gantry did not write ${pattern} within ${limitMs / 1000} s`));
      }, limitMs);
      const settle = () => {
        clearTimeout(timer);
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** Why it ended, once it has: the line that says so on standard error, and its code. */
  complaint(): Error {
    const [, message, code] = /^gantry: (.*) \[(E_\w+)\]$/m.exec(this.#stderr) ?? [];
    if (message !== undefined) return new GantryError(code as ErrorCode, message);
    return new Error(`gantry ended with ${this.process.exitCode ?? this.process.signalCode}: ${this.#stderr}`);
  }

  /** Ends it at once, as a crash does, and waits until it is gone. */
  async crash(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.finished;
  }
}

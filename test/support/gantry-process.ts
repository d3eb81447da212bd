import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command as a process: a program and its first argument. */
export const GANTRY: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../packages/gantry/bin/gantry.js', import.meta.url)),
];

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A real `gantry` process, started by another command where one is given. Its tokens are announced in a place of the
 * tests' own.
 */
export class Gantry {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  #stderr = '';
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, command = GANTRY) {
    const [program = '', ...before] = command;
    const child = spawn(program, [...before, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: stateHome, ...env },
    });
    this.process = tracked(child);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const listener of this.#listeners) listener();
    });
    this.finished = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        resolve({ code, signal, stdout, stderr: this.#stderr });
        for (const listener of this.#listeners) listener();
      });
    });
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves with the match once standard error matches; rejects if the process ends before. */
  output(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.#stderr);
        const ended = this.process.exitCode !== null || this.process.signalCode !== null;
        if (!match && !ended) return;
        this.#listeners.delete(look);
        if (match) resolve(match);
        else reject(new Error(`ended without ${pattern}: ${this.#stderr}`));
      };
      this.#listeners.add(look);
      look();
    });
  }
}

const running = new Set<ChildProcess>();
const temporary: string[] = [];
const stateHome = temporaryDirectory();

/** Lets `killAll` end it, too. */
function tracked<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** Ends all that was started here and still runs, frozen or not. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A directory for `removeTemporaryDirectories`. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-'));
  temporary.push(path);
  return path;
}

export function removeTemporaryDirectories(): void {
  for (const path of temporary) rmSync(path, { recursive: true, force: true });
}

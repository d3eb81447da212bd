import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, watch } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real `gantry` process. Its tokens are announced in a place of the tests' own. */
export class Gantry {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  #stderr = '';
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [GANTRY, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: stateHome, ...env },
    });
    this.process = child;
    running.add(child);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const listener of this.#listeners) listener();
    });
    this.finished = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal, stdout, stderr: this.#stderr });
        for (const listener of this.#listeners) listener();
      });
    });
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

export async function gantry(...args: string[]): Promise<Finished> {
  return new Gantry(args).finished;
}

/** Like `gantry`, and fails unless the command succeeds. */
export async function gantryOk(...args: string[]): Promise<Finished> {
  const result = await gantry(...args);
  if (result.code !== 0) throw new Error(`gantry ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
  return result;
}

const running = new Set<ChildProcess>();
const temporary: string[] = [];
const stateHome = temporaryDirectory();
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  for (const path of temporary) await rm(path, { recursive: true, force: true });
});

/** A directory that is removed after the tests of the file. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-'));
  temporary.push(path);
  return path;
}

/** The complete lines of a .jsonl file; none if it does not exist. */
export function readJsonLines<T>(...path: string[]): T[] {
  const file = join(...path);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

/** The weights digest of a finished run. */
export function digestOf(run: string): string {
  return readJson<{ weightsDigest: string }>(run, 'summary.json').weightsDigest;
}

/** The weights digest of a new training with these options. */
export async function trainedDigest(...options: string[]): Promise<string> {
  const run = join(temporaryDirectory(), 'run');
  await gantryOk('train', ...options, '--run', run);
  return digestOf(run);
}

/** Resolves as soon as a condition on the files below a directory holds; it is looked at whenever one changes. */
export function whenFiles(directory: string, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(directory, { recursive: true }, check);
    function check(): void {
      if (!condition()) return;
      watcher.close();
      resolve();
    }
    check();
  });
}

export function lineCount(...path: string[]): number {
  return readJsonLines(...path).length;
}

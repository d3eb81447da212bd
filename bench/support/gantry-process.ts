import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './waiting.ts';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const START_MS = 60_000;
const STOP_MS = 20_000;

const running = new Set<ChildProcess>();
const temporary: string[] = [];
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const path of temporary) rmSync(path, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A directory that is removed when the benchmark ends. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  temporary.push(path);
  return path;
}

/** Kills it, too, when the benchmark ends. */
export function tracked<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** A real `gantry` process. */
export class GantryProcess {
  readonly process: ChildProcess;
  readonly closed: Promise<void>;
  #stderr = '';
  #news: () => void = () => undefined;

  /** @param stateHome where coordinators announce their tokens and workers find them */
  constructor(args: readonly string[], stateHome: string) {
    const child = spawn(process.execPath, [GANTRY, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: stateHome },
    });
    this.process = tracked(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#news();
    });
    this.closed = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => {
        resolve();
        this.#news();
      });
    });
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error('the process did not start');
    return this.process.pid;
  }

  /** What it has said on standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until standard error matches. @returns the match's groups, the whole match first */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const said = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#news = () => {
        const match = pattern.exec(this.#stderr);
        if (match) resolve(match);
        else if (this.process.exitCode !== null) reject(new Error(`ended without ${pattern}: ${this.#stderr}`));
      };
      this.#news();
    });
    return within(START_MS, String(pattern), said);
  }

  /** Ends it at once, as a crash does, and waits until it is gone. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await within(STOP_MS, 'the end of a killed process', this.closed);
  }
}

/** A coordinator that listens on this machine. */
export interface Coordinator {
  readonly process: GantryProcess;
  /** Its run directory. */
  readonly run: string;
  readonly port: number;
  /** Lets a worker in. */
  readonly token: string;
}

/** Starts `gantry coordinator` with further options and waits until it listens. @param port 0 for any free one */
export async function startCoordinator(
  options: readonly string[],
  { run, stateHome, port = 0 }: { run: string; stateHome: string; port?: number },
): Promise<Coordinator> {
  const listen = ['coordinator', '--listen', `127.0.0.1:${port}`, '--run', run];
  const gantry = new GantryProcess([...listen, ...options], stateHome);
  const [, listening = ''] = await gantry.says(/gantry worker ws:\/\/127\.0\.0\.1:(\d+)/);
  const { work } = JSON.parse(readFileSync(join(run, 'tokens.json'), 'utf8')) as { work: string };
  return { process: gantry, run, port: Number(listening), token: work };
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
/** Of a complaint, at its end. */
const SHOWN_CHARACTERS = 300;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Keeps what it says on standard error out of the log. */
  readonly isQuiet?: boolean;
}

/** Runs a program to its end. @throws Error if it cannot be started */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const env = { ...process.env, ...options.env };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  if (!options.isQuiet) child.stderr.pipe(process.stderr, { end: false });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  return { code, stdout, stderr };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** What it wrote to standard output. @throws Error with the end of its complaint unless it succeeded */
export async function outputOf(program: string, args: readonly string[], options?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code === 0) return stdout;
  const complaint = stderr.trim().slice(-SHOWN_CHARACTERS).replaceAll(/\s+/g, ' ');
  throw new Error(`${program} ended with ${code}: ${complaint}`);
}

/** What a `gantry` command prints as JSON; it may end with 1 for what it found. @throws Error with its complaint */
export async function gantryJson<T>(...args: string[]): Promise<T> {
  const { stdout, stderr } = await run(process.execPath, [GANTRY, ...args, '--json']);
  if (stdout !== '') return JSON.parse(stdout) as T;
  throw new Error(stderr.trim().split('\n').at(-1));
}

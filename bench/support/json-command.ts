import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const LIMIT_MS = 20 * 60_000;
const MAX_OUTPUT_BYTES = 64 << 20;
const GANTRY = fileURLToPath(new URL('../../packages/gantry/bin/gantry.js', import.meta.url));

const run = promisify(execFile);

/** The one line of JSON that a command prints. */
export async function resultOf<T>(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const { stdout } = await run(program, args, {
    env: { ...process.env, ...env },
    timeout: LIMIT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout) as T;
}

/** The results of `gantry bench`. */
export async function gantryBench<T>(command: string, options: Options): Promise<T> {
  const args = [GANTRY, 'bench', command, '--json', ...optionsOf(options)];
  return (await resultOf<{ results: T }>(process.execPath, args)).results;
}

export type Options = Readonly<Record<string, string | number>>;

/** Options as a command takes them: `--name value`. */
export function optionsOf(options: Options): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

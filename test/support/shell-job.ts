import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { temporaryDirectory } from './gantry-process.ts';
import { whenFiles } from './run-files.ts';

const GANTRY = fileURLToPath(new URL('../../packages/gantry/bin/gantry.js', import.meta.url));
const jobs = new Set<ShellJob>();

afterAll(() => {
  for (const job of jobs) job.signal('SIGKILL');
});

/**
 * A script of sh in a process group of its own, as a terminal starts a pipeline. In it `gantry` is the command, and `noting` before it
 * keeps its exit code.
 */
export class ShellJob {
  /** Resolves with the exit code of the shell. */
  readonly finished: Promise<number | null>;
  /** Where it runs. */
  readonly directory = temporaryDirectory();
  readonly #group: number;

  constructor(script: string, env: NodeJS.ProcessEnv = {}) {
    const status = join(this.directory, 'status');
    const functions = [
      `gantry() { '${process.execPath}' '${GANTRY}' "$@"; }`,
      `noting() { "$@"; echo $? >'${status}.new'; mv '${status}.new' '${status}'; }`,
    ];
    const child = spawn('sh', ['-c', [...functions, script].join('\n')], {
      detached: true,
      stdio: 'ignore',
      cwd: this.directory,
      env: { ...process.env, XDG_STATE_HOME: temporaryDirectory(), ...env },
    });
    this.#group = child.pid ?? 0;
    this.finished = once(child, 'close').then(([code]) => code as number | null);
    jobs.add(this);
    void this.finished.finally(() => jobs.delete(this));
  }

  /** To all of its processes, as Ctrl-C does it. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(-this.#group, name);
    } catch {
      // All of them have ended.
    }
  }

  /** The exit code that was kept, once the command has ended. */
  async noted(): Promise<number> {
    const file = join(this.directory, 'status');
    await whenFiles(() => existsSync(file));
    return Number(readFileSync(file, 'utf8'));
  }
}

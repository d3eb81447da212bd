import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { temporaryDirectory } from './gantry-process.ts';
import { whenFiles } from './run-files.ts';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const jobs = new Set<ShellJob>();

afterAll(() => {
  for (const job of jobs) job.signal('SIGKILL');
});

/**
 * A script of sh in a process group of its own, as a terminal starts a pipeline. In it `gantry` is the command; the exit code of the
 * one that `noting` wraps is kept.
 */
export class ShellJob {
  /** Resolves with the exit code of the shell. */
  readonly finished: Promise<number | null>;
  readonly directory: string;
  readonly #group: number;

  /** @param directory where it runs; its variables hold paths, so that the script need not quote them */
  constructor(script: string, env: NodeJS.ProcessEnv = {}, directory = temporaryDirectory()) {
    this.directory = directory;
    const status = join(directory, 'status');
    const functions = [
      `gantry() { '${process.execPath}' '${GANTRY}' "$@"; }`,
      `noting() { "$@"; echo $? >'${status}.new'; mv '${status}.new' '${status}'; }`,
    ];
    const child = spawn('sh', ['-c', [...functions, script].join('\n')], {
      detached: true,
      stdio: 'ignore',
      cwd: directory,
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

  /** The exit code of the command that `noting` wraps, once it has ended. */
  async noted(): Promise<number> {
    const file = join(this.directory, 'status');
    let text = '';
    await whenFiles(() => {
      try {
        text = readFileSync(file, 'utf8');
      } catch {
        return false;
      }
      return true;
    });
    return Number(text);
  }
}

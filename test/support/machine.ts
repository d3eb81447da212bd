import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Control } from '@gantry/core';
import { temporaryDirectory } from './gantry-process.ts';

const NAMESPACES = ['--mount', '--net', '--uts', '--ipc', '--pid'];
const UNSHARE = ['unshare', ...NAMESPACES, '--fork', '--kill-child', '--mount-proc'];

/** Asks for what its arguments say: address, token and body. */
const POST = `
  const [url, token, body] = process.argv.slice(1);
  const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
  const { ok } = await (await fetch(url, { method: 'POST', headers, body })).json();
  if (!ok) process.exitCode = 1;
`;

/**
 * A machine with processes, mounts, a network and a name of its own, in namespaces of Linux. All of it ends at once with
 * `stop`, or with this process. Its files and devices are those of this machine: nothing may run there that sets up or cleans
 * a whole machine, as an init system does.
 */
export class Machine {
  readonly #holder: ChildProcess;
  /** Its first process, as this machine numbers it. */
  readonly #first: string;

  private constructor(holder: ChildProcess, first: string) {
    this.#holder = holder;
    this.#first = first;
  }

  /** @param setUp lines of a shell script that runs there first */
  static async start(setUp: readonly string[]): Promise<Machine> {
    const script = join(temporaryDirectory(), 'boot');
    // The first process ends when nobody holds the other end of the pipe any more, and all others with it.
    writeFileSync(script, ['set -e', 'ip link set lo up', ...setUp, 'echo ready', 'exec cat', ''].join('\n'));
    const [program = '', ...options] = UNSHARE;
    // Not one of the group that Ctrl-C strikes, which would leave the first process alone.
    const holder = spawn(program, [...options, 'sh', script], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    const failed = once(holder, 'close').then(() => {
      throw new Error('the machine could not be set up');
    });
    await Promise.race([failed, once(holder.stdout, 'data')]);
    failed.catch(() => undefined);
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8');
    return new Machine(holder, children.trim());
  }

  /** Whether this machine permits that. */
  static get isPermitted(): boolean {
    const [program = '', ...options] = UNSHARE;
    return spawnSync(program, [...options, 'true']).status === 0;
  }

  /** Runs a command to its end. @returns standard output */
  async run(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const [program, args] = this.#inside(command);
    return (await promisify(execFile)(program, args, { env: { ...process.env, ...env } })).stdout;
  }

  /** Starts a command that goes on. */
  begin(command: readonly string[], env: NodeJS.ProcessEnv = {}): void {
    const [program, args] = this.#inside(command);
    spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  }

  /** Steers a run that is reached from there. @param url of the coordinator, `http://…` */
  async control(url: string, token: string, control: Control): Promise<void> {
    const request = [`${url}/api/control`, token, JSON.stringify(control)];
    await this.run([process.execPath, '--input-type=module', '-e', POST, '--', ...request]);
  }

  async stop(): Promise<void> {
    const ended = once(this.#holder, 'close');
    this.#holder.stdin?.end();
    await ended;
  }

  #inside(command: readonly string[]): [program: string, args: string[]] {
    return ['nsenter', ['--target', this.#first, ...NAMESPACES, ...command]];
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Set<ChildProcess>();
let signalled = false;

// SIGHUP has no listener: under nohup, that would end the bench. Where a terminal hangs up, it tells the children itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    signalled = true;
    if (running.size === 0) process.exit(1);
    // Gantry finishes its step and writes a checkpoint, for which this process waits.
    for (const child of running) child.kill(signal);
  });
}
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Whether this process was asked to end, and waits for what it has started. */
export function isInterrupted(): boolean {
  return signalled;
}

/**
 * The one line of JSON that a command prints, however long it takes. What it says on standard error is seen.
 * @throws Error if it fails, or is ended
 */
export async function longResultOf<T>(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<T> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  running.add(child);
  try {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ended with ${code ?? signal}`);
    if (output === '') throw new Error(`${program} ${args.join(' ')}: stopped before its end`);
    return JSON.parse(output) as T;
  } finally {
    running.delete(child);
  }
}

import { join } from 'node:path';
import { Gantry, killAll, removeTemporaryDirectories } from '../../test/support/gantry-process.ts';
import { readJson } from '../../test/support/run-files.ts';
import { within } from '../../test/support/within.ts';

const START_LIMIT_MS = 60_000;
const END_LIMIT_MS = 20_000;

process.on('exit', () => {
  killAll();
  removeTemporaryDirectories();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A coordinator that listens on this machine. */
export interface Coordinator {
  readonly gantry: Gantry;
  readonly pid: number;
  /** Its run directory. */
  readonly run: string;
  readonly port: number;
  /** Lets a worker in. */
  readonly token: string;
}

/** Starts `gantry coordinator` with further options and waits until it listens. @param port 0 for any free one */
export async function startCoordinator(
  options: readonly string[],
  { run, port = 0 }: { run: string; port?: number },
): Promise<Coordinator> {
  const gantry = new Gantry(['coordinator', '--listen', `127.0.0.1:${port}`, '--run', run, ...options]);
  const [, listening = ''] = await within(
    START_LIMIT_MS,
    'the coordinator',
    gantry.output(/gantry worker ws:\/\/127\.0\.0\.1:(\d+)/),
  );
  const { work: token } = readJson<{ work: string }>(join(run, 'tokens.json'));
  const { pid } = gantry.process;
  if (pid === undefined) throw new Error('the coordinator did not start');
  return { gantry, pid, run, port: Number(listening), token };
}

/** Ends a process at once, as a crash does, and waits until it is gone. */
export async function crash({ process, finished }: Gantry): Promise<void> {
  process.kill('SIGKILL');
  await within(END_LIMIT_MS, 'the end of a killed process', finished);
}

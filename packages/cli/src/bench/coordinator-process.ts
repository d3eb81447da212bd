import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryProcess } from './gantry-process.ts';

const START_LIMIT_MS = 60_000;

/** A `gantry coordinator` that listens on this machine. */
export interface CoordinatorProcess {
  readonly gantry: GantryProcess;
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
): Promise<CoordinatorProcess> {
  const gantry = new GantryProcess(['coordinator', '--listen', `127.0.0.1:${port}`, '--run', run, ...options]);
  const [, listening = ''] = await gantry.output(/worker\.tgz ws:\/\/127\.0\.0\.1:(\d+)/, START_LIMIT_MS);
  const token = readFileSync(join(run, 'work.token'), 'utf8').trim();
  const { pid } = gantry.process;
  if (pid === undefined) throw new Error('the coordinator did not start');
  return { gantry, pid, run, port: Number(listening), token };
}

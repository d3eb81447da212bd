import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GantryError } from '@gantry/core';
import { thisCommand } from '../called.ts';

const RUNS = 'runs';

/** A run directory that does not exist yet, named after the time: `runs/2026-01-31-142500`. */
export function newRunPath(now = new Date()): string {
  const pad = (n: number) => String(n).padStart(2, '0');
  const date = [now.getFullYear(), pad(now.getMonth() + 1), pad(now.getDate())].join('-');
  const base = path.join(RUNS, `${date}-${[now.getHours(), now.getMinutes(), now.getSeconds()].map(pad).join('')}`);
  let candidate = base;
  for (let i = 2; existsSync(candidate); i++) candidate = `${base}-${i}`;
  return candidate;
}

/** The run in `runs/` that was started or resumed last. @throws GantryError E_RUN_DIRECTORY if there is none */
export function newestRunPath(): string {
  const lastUsed = (run: string) => statSync(path.join(run, 'run.json')).mtimeMs;
  const runs = (existsSync(RUNS) ? readdirSync(RUNS) : [])
    .map((name) => path.join(RUNS, name))
    .filter((run) => existsSync(path.join(run, 'run.json')))
    .toSorted((a, b) => lastUsed(b) - lastUsed(a));
  const [newest] = runs;
  if (!newest) {
    const start = `${thisCommand()} train`;
    throw new GantryError('E_RUN_DIRECTORY', `there is no run in ${RUNS}/: name one, or start one with ${start}`);
  }
  return newest;
}

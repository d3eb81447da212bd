import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abortOnSignals } from '../signals.ts';

const children = new Set<ChildProcess>();
const directories: string[] = [];
let isGuarded = false;

/** A process that is killed when this one ends, if it still runs then, frozen or not. */
export function owned<T extends ChildProcess>(child: T): T {
  guard();
  children.add(child);
  child.on('close', () => children.delete(child));
  return child;
}

/** A new directory that is removed when this process ends. */
export function temporaryDirectory(): string {
  guard();
  const path = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  directories.push(path);
  return path;
}

/** Whatever ends this process leaves nothing behind; nothing of a benchmark is worth waiting for. */
function guard(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    for (const path of directories) rmSync(path, { recursive: true, force: true });
  });
  abortOnSignals((exitCode) => process.exit(exitCode));
}

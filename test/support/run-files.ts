import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';

/** The complete lines of a .jsonl file; none if it does not exist. */
export function readJsonLines<T>(...path: string[]): T[] {
  const file = join(...path);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

/** The weights digest of a finished run. */
export function digestOf(run: string): string {
  return readJson<{ weightsDigest: string }>(run, 'summary.json').weightsDigest;
}

/** Node's recursive watching on Linux loses files that are replaced, and what happens while it begins: so one looks, too. */
const LOOK_MS = 100;

/** Resolves as soon as a condition on the files below a directory holds. */
export function whenFiles(directory: string, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(directory, { recursive: true }, check);
    const timer = setInterval(check, LOOK_MS);
    function check(): void {
      if (!condition()) return;
      watcher.close();
      clearInterval(timer);
      resolve();
    }
    check();
  });
}

export function lineCount(...path: string[]): number {
  return readJsonLines(...path).length;
}

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
/** A run of short steps changes its files a thousand times a second: to look each time would keep a core from it. */
const COALESCE_MS = 10;

/** Resolves as soon as a condition on the files below a directory holds. */
export function whenFiles(directory: string, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let soon: NodeJS.Timeout | undefined;
    const watcher = watch(directory, { recursive: true }, () => (soon ??= setTimeout(check, COALESCE_MS)));
    const timer = setInterval(check, LOOK_MS);
    function check(): void {
      clearTimeout(soon);
      soon = undefined;
      if (!condition()) return;
      watcher.close();
      clearInterval(timer);
      resolve();
    }
    check();
  });
}

/** How many complete lines a .jsonl file has; 0 if it does not exist. */
export function lineCount(...path: string[]): number {
  const file = join(...path);
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').length - 1 : 0;
}

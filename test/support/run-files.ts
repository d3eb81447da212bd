import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The complete lines of a .jsonl file, without their checksums; none if it does not exist. */
export function readJsonLines<T>(...path: string[]): T[] {
  const file = join(...path);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { checksum: _, ...fields } = JSON.parse(line) as { checksum: string };
      return fields as T;
    });
}

export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

/** A token of a run: that which lets workers join, or that which lets people watch and control. */
export function readToken(run: string, kind: 'work' | 'control' = 'work'): string {
  return readFileSync(join(run, `${kind}.token`), 'utf8').trim();
}

/** The weights digest of a finished run. */
export function digestOf(run: string): string {
  return readJson<{ weightsDigest: string }>(run, 'summary.json').weightsDigest;
}

/** Node's recursive watching on Linux loses files that are replaced, and ends the process where a folder vanishes: so one looks. */
const LOOK_MS = 20;

/** Resolves as soon as a condition on files holds. */
export function whenFiles(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(check, LOOK_MS);
    function check(): void {
      if (!condition()) return;
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

import { readFileSync } from 'node:fs';

/** A link as a shell of this machine has it. @param printed `URL#token=$(cat FILE)` */
export function withToken(printed: string): string {
  return printed.replace(/\$\(cat (.*)\)$/, (_, file: string) => readFileSync(file, 'utf8').trim());
}

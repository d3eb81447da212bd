import { GantryError } from '@gantry/core';

/** Prints why the command failed and sets the exit code: one line for what a user can mend, a stack for a bug. */
export function reportFailure(error: unknown): void {
  process.exitCode = 1;
  if (error instanceof GantryError) {
    process.stderr.write(`gantry: ${error.message} [${error.code}]\n`);
  } else {
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`gantry: unexpected error, please report it:\n${details}\n`);
  }
}

/** Why another process of Gantry failed, in one line, of what it wrote to standard error. */
export function failureIn(stderr: string): string {
  const [, reason] = /^gantry: (.*) \[E_\w+\]$/m.exec(stderr) ?? [];
  return reason ?? stderr.trim().split('\n').at(-1) ?? '';
}

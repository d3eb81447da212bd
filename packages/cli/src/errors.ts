import { GantryError } from '@gantry/core';

/** Prints why the command failed and sets the exit code: one line for what a user can fix, a stack for a bug. */
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
  // A bug is reported in several lines, of which the one with the error says most.
  const [bug] = /^.*\w*Error: .*$/m.exec(stderr) ?? [];
  return reason ?? bug ?? (stderr.trim() || 'it did not say why');
}

import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Standard input, output and error. */
const STANDARD_STREAMS = [0, 1, 2];

/** What a write says when nobody reads any more: the other end of a pipe has ended, or the terminal is gone. */
const NOBODY_READS: readonly (string | undefined)[] = ['EPIPE', 'EIO'];

/**
 * Lets the command go on when what it prints can no longer be written: a run must not end because `head` has seen enough. A result
 * that cannot be written to a file all the same makes the exit code 1.
 */
export function surviveClosedStreams(): void {
  // There is no other place to say so.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (NOBODY_READS.includes(error.code)) return;
    process.exitCode = 1;
    process.stderr.write(`gantry: cannot write to standard output: ${error.message}\n`);
  });
  // At its end Node restores the settings of terminals, and aborts where one is gone; what is closed, it leaves alone.
  const terminals = STANDARD_STREAMS.filter(isatty);
  process.on('exit', () => {
    for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
  });
}

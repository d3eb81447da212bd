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
}

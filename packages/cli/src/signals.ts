import { isatty } from 'node:tty';

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Aborts on the first SIGINT or SIGTERM, or where a terminal hangs up; a second SIGINT or SIGTERM ends the process at once.
 * Without a terminal on any stream, as under nohup, SIGHUP changes nothing.
 * @param onFirst called with the exit code that belongs to the signal, before the abort
 */
export function abortOnSignals(onFirst: (exitCode: number) => void): AbortController {
  const controller = new AbortController();
  // Asked now: once it has hung up, it is none any more.
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  for (const [name, exitCode] of Object.entries(EXIT_CODES)) {
    process.on(name, () => {
      const isHangUp = name === 'SIGHUP';
      // Node forgets that nohup had it ignored: without a listener it would end the process.
      if (isHangUp && !hasTerminal) return;
      if (!controller.signal.aborted) {
        onFirst(exitCode);
        controller.abort();
      } else if (!isHangUp) {
        // Hanging up sends more than one: the shell does, and the system when the shell ends.
        process.exit(exitCode);
      }
    });
  }
  return controller;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * What comes this soon after the first signal is the same wish: npx passes on what a terminal, Slurm or systemd has sent to
 * the whole group, so that it arrives twice.
 */
const ECHO_MS = 1000;

/**
 * Aborts on the first SIGINT or SIGTERM; another one, at least a second later, ends the process at once.
 * @param onFirst called with the exit code that belongs to the signal, before the abort
 */
export function abortOnSignals(onFirst: (exitCode: number) => void): AbortController {
  const controller = new AbortController();
  let firstAt = -Infinity;
  for (const [name, exitCode] of Object.entries(EXIT_CODES)) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        firstAt = performance.now();
        onFirst(exitCode);
        controller.abort();
      } else if (performance.now() - firstAt >= ECHO_MS) process.exit(exitCode);
    });
  }
  return controller;
}

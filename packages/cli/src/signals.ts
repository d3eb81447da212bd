const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Aborts on the first SIGINT or SIGTERM; a second one ends the process at once.
 * @param onFirst called with the exit code that belongs to the signal, before the abort
 */
export function abortOnSignals(onFirst: (exitCode: number) => void): AbortController {
  const controller = new AbortController();
  for (const [name, exitCode] of Object.entries(EXIT_CODES)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCode);
      onFirst(exitCode);
      controller.abort();
    });
  }
  return controller;
}

import { train, type AttachContext, type AttachedWorkers, type Summary } from '@gantry/coordinator';
import { Progress } from './progress.ts';
import { runSettings, type RunFlags } from './run-options.ts';
import { abortOnSignals } from './signals.ts';

/**
 * Trains a run, shows how it goes, and reports its end; the first SIGINT or SIGTERM stops it after the step under way.
 * @param command how to call this command again, for the hint how to resume
 * @param attachWorkers brings the workers, and may show something by `progress`
 */
export async function runTraining(
  flags: RunFlags,
  command: string,
  attachWorkers: (context: AttachContext, progress: Progress) => Promise<AttachedWorkers>,
): Promise<void> {
  const settings = runSettings(flags);
  const progress = new Progress(process.stderr);
  let stopCode = 0;
  const { signal } = abortOnSignals((exitCode) => {
    stopCode = exitCode;
    progress.notice('stopping after this step; once more to stop at once');
  });
  progress.notice(`${settings.resume ? 'resuming run' : 'run'} ${settings.path}`);
  let summary: Summary | undefined;
  try {
    summary = await train({
      ...settings,
      attachWorkers: (context) => attachWorkers(context, progress),
      observer: progress,
      signal,
    });
  } finally {
    progress.stop();
  }
  if (summary) {
    report(settings.path, summary, flags.json ?? false);
  } else {
    process.stderr.write(`stopped; go on with: ${command} --run ${settings.path} --resume\n`);
    process.exitCode = stopCode;
  }
}

function report(path: string, summary: Summary, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ run: path, ...summary })}\n`);
  const { steps, seconds, imagesPerSecond, weightsDigest } = summary;
  process.stderr.write(
    `done: ${steps} steps in ${seconds.toFixed(1)} s (${imagesPerSecond.toFixed(0)} images/s), ` +
      `weights ${weightsDigest.slice(0, 16)}, ${path}/samples.gif\n`,
  );
}

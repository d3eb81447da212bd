import { once } from 'node:events';
import type { Summary } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';
import { train, type TrainOptions } from './api/train.ts';
import { reportFailure } from './errors.ts';
import { runSettings, type RunFlags } from './options/run-options.ts';
import { Progress } from './progress.ts';
import { abortOnSignals } from './signals.ts';

/**
 * Trains a run, shows how it goes, and reports its end; the first SIGINT or SIGTERM stops it after the step under way.
 * On a terminal the dashboard stays until another one.
 * @param command how to call this command again, for the hint how to resume
 */
export async function runTraining(
  flags: RunFlags,
  command: string,
  { workers, listen }: Pick<TrainOptions, 'workers' | 'listen'>,
): Promise<void> {
  const progress = new Progress(process.stderr);
  const notice = (text: string) => progress.notice(text);
  let ended = false;
  let stopCode = 0;
  const stop = abortOnSignals((exitCode) => {
    if (ended) return;
    stopCode = exitCode;
    notice('stopping after this step; once more to stop at once');
  });
  const settings = await runSettings(flags);
  const run = await train({ ...settings, workers, listen, stay: true, signal: stop.signal });
  notice(`${settings.resume ? 'resuming run' : 'run'} ${settings.run}`);
  for (const warning of run.serving.warnings) notice(`warning: ${warning}`);
  // What is no terminal may be a log, which others read.
  const { join, joinUrl, dashboardUrl } = process.stderr.isTTY ? run.serving : run.serving.withoutTokens;
  notice(`attach workers with: ${join.shell}`);
  if (join.checked !== undefined) notice(`or, to run nothing that was changed on the way: ${join.checked}`);
  notice(`or a browser's tab: ${joinUrl}`);
  notice(`dashboard: ${dashboardUrl}`);
  let failed = false;
  try {
    for await (const update of run) progress.show(update);
    progress.stop();
    const summary = await run.finished;
    if (summary) report(settings.run, summary, flags.json ?? false);
    else {
      process.stderr.write(resumeHint(command, settings.run));
      process.exitCode = stopCode;
    }
  } catch (error) {
    failed = true;
    progress.stop();
    // Where nobody can compute here, somebody may elsewhere, or later.
    const canGoOn = error instanceof GantryError && error.code === 'E_ENGINE';
    if (canGoOn) process.stderr.write(resumeHint(command, settings.run));
    reportFailure(error);
  }
  ended = true;
  if (process.stderr.isTTY && !flags.exit && !stop.signal.aborted && !failed) {
    process.stderr.write('the dashboard stays; Ctrl-C ends it\n');
    await once(stop.signal, 'abort');
  }
  await run.close();
}

function resumeHint(command: string, path: string): string {
  return `stopped; go on with: ${command} --run ${path} --resume\n`;
}

function report(path: string, summary: Summary, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ run: path, ...summary })}\n`);
  const { steps, seconds, imagesPerSecond, weightsDigest } = summary;
  process.stderr.write(
    `done: ${steps} steps in ${seconds.toFixed(1)} s (${imagesPerSecond.toFixed(0)} images/s), ` +
      `weights ${weightsDigest.slice(0, 16)}, ${path}/samples.gif\n`,
  );
}

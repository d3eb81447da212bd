import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Summary } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';
import type { Command } from 'commander';
import { train, type TrainOptions } from './api/train.ts';
import { DecodingProgress } from './decoding-progress.ts';
import { reportFailure } from './errors.ts';
import { resumeCommand } from './options/resume-command.ts';
import { runSettings, type RunFlags } from './options/run-options.ts';
import { Progress } from './progress.ts';
import { abortOnSignals } from './signals.ts';

/**
 * Trains a run, shows how it goes, and reports its end; the first SIGINT or SIGTERM stops it after the step under way, and so
 * does a terminal that hangs up. On a terminal the dashboard stays until another one.
 * @param command with the options that were given, for the hint how to resume
 */
export async function runTraining(
  flags: RunFlags,
  command: Command,
  { workers, listen }: Pick<TrainOptions, 'workers' | 'listen'>,
): Promise<void> {
  const progress = new Progress(process.stderr);
  const notice = (text: string) => progress.notice(text);
  let ended = false;
  let stopCode = 0;
  const stop = abortOnSignals((exitCode) => {
    stopCode = exitCode;
    if (!ended) notice('stopping once what is under way is done; once more to stop at once');
  });
  const settings = await runSettings(flags);
  const decoding = new DecodingProgress(process.stderr);
  const asked = { ...settings, workers, listen, stay: true, signal: stop.signal };
  const run = await train({ ...asked, decoded: (done, total) => decoding.show(done, total) })
    .catch((error: unknown) => {
      if (!stop.signal.aborted || error instanceof GantryError) throw error;
      return undefined;
    })
    .finally(() => decoding.stop());
  if (!run) {
    process.stderr.write('stopped while images were decoded: no step was done\n');
    process.exitCode = stopCode;
    return;
  }
  notice(`${settings.resume ? 'resuming run' : 'run'} ${settings.run}`);
  for (const warning of run.serving.warnings) notice(`warning: ${warning}`);
  // What is no terminal may be a log, which others read.
  const { join, joinUrl, dashboardUrl } = process.stderr.isTTY ? run.serving : run.serving.withoutTokens;
  notice(`attach workers with: ${join.shell}`);
  if (join.checked !== undefined) notice(`or, to run nothing that was changed on the way: ${join.checked}`);
  notice(`or a browser's tab: ${joinUrl}`);
  notice(`dashboard: ${dashboardUrl}`);
  const hint = () => `stopped; go on with: ${resumeCommand(command, settings.run, run.serving.url)}\n`;
  let summary: Summary | undefined;
  let failed = false;
  try {
    for await (const update of run) progress.show(update);
    progress.stop();
    summary = await run.finished;
    if (summary) report(settings.run, summary, flags.json ?? false);
    else process.stderr.write(hint());
  } catch (error) {
    failed = true;
    progress.stop();
    // Where nobody can compute here, somebody may elsewhere, or later.
    const canGoOn = error instanceof GantryError && error.code === 'E_ENGINE';
    if (canGoOn) process.stderr.write(hint());
    reportFailure(error);
  }
  ended = true;
  if (process.stderr.isTTY && !flags.exit && !stop.signal.aborted && !failed) {
    process.stderr.write('the dashboard stays; Ctrl-C ends it\n');
    await once(stop.signal, 'abort');
  }
  await run.close();
  // Somebody may have stopped it on the dashboard before.
  if (!summary && !failed) process.exitCode = stopCode;
}

function report(run: string, summary: Summary, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ run, ...summary })}\n`);
  const { steps, seconds, imagesPerSecond, weightsDigest } = summary;
  // Where nothing can write pictures there is none.
  const shown = ['samples.gif', 'summary.json'].find((name) => existsSync(path.join(run, name))) ?? '';
  process.stderr.write(
    `done: ${steps} steps in ${seconds.toFixed(1)} s (${imagesPerSecond.toFixed(0)} images/s), ` +
      `weights ${weightsDigest.slice(0, 16)}, ${run}/${shown}\n`,
  );
}

import { once } from 'node:events';
import { train, type AttachContext, type AttachedWorkers, type Cluster, type Summary } from '@gantry/coordinator';
import type { GantryError } from '@gantry/core';
import { modelNamed } from '@gantry/models';
import { reportFailure } from './errors.ts';
import { Progress } from './progress.ts';
import { runSettings, type RunFlags } from './options/run-options.ts';
import { abortOnSignals } from './signals.ts';

/** The workers of a run, and what serves them and the dashboard, where something does. */
export interface Attached extends AttachedWorkers {
  readonly cluster?: Cluster;
}

/** What workers are attached to, and those who attach them tell. */
export interface Attachment {
  readonly context: AttachContext;
  readonly progress: Progress;
  /** Ends the run, which can be resumed, where nobody can compute. */
  readonly fail: (error: GantryError) => void;
}

/**
 * Trains a run, shows how it goes, and reports its end; the first SIGINT or SIGTERM stops it after the step under way.
 * On a terminal the dashboard stays until another one.
 * @param command how to call this command again, for the hint how to resume
 * @param attachWorkers brings the workers
 */
export async function runTraining(
  flags: RunFlags,
  command: string,
  attachWorkers: (attachment: Attachment) => Promise<Attached>,
): Promise<void> {
  const settings = await runSettings(flags);
  const progress = new Progress(process.stderr);
  let ended = false;
  let stopCode = 0;
  const failed = new AbortController();
  const stop = abortOnSignals((exitCode) => {
    if (ended) return;
    stopCode = exitCode;
    progress.notice('stopping after this step; once more to stop at once');
  });
  let cluster: Cluster | undefined;
  try {
    const summary = await train({
      ...settings,
      modelNamed,
      attachWorkers: async (context) => {
        // Nothing was refused: the run is there.
        progress.notice(`${settings.resume ? 'resuming run' : 'run'} ${settings.path}`);
        const attached = await attachWorkers({ context, progress, fail: (error) => failed.abort(error) });
        cluster = attached.cluster;
        return attached;
      },
      observer: progress,
      signal: AbortSignal.any([stop.signal, failed.signal]),
    });
    progress.stop();
    if (summary) {
      report(settings.path, summary, flags.json ?? false);
    } else {
      process.stderr.write(`stopped; go on with: ${command} --run ${settings.path} --resume\n`);
      process.exitCode = stopCode;
      failed.signal.throwIfAborted();
    }
  } catch (error) {
    progress.stop();
    reportFailure(error);
  }
  ended = true;
  if (!cluster) return;
  if (process.stderr.isTTY && !flags.exit && !stop.signal.aborted && !failed.signal.aborted) {
    process.stderr.write('the dashboard stays; Ctrl-C ends it\n');
    await once(stop.signal, 'abort');
  }
  await cluster.close();
}

function report(path: string, summary: Summary, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ run: path, ...summary })}\n`);
  const { steps, seconds, imagesPerSecond, weightsDigest } = summary;
  process.stderr.write(
    `done: ${steps} steps in ${seconds.toFixed(1)} s (${imagesPerSecond.toFixed(0)} images/s), ` +
      `weights ${weightsDigest.slice(0, 16)}, ${path}/samples.gif\n`,
  );
}

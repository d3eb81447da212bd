import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { openCluster, openTokens, type AttachContext, type AttachedWorkers } from '@gantry/coordinator';
import { attachThreads } from './local-workers.ts';
import { wholeNumber } from './options.ts';
import type { Progress } from './progress.ts';
import { addRunOptions, type RunFlags } from './run-options.ts';
import { runTraining } from './run-training.ts';
import { WorkerProcesses } from './worker-processes.ts';

interface TrainFlags extends RunFlags {
  readonly workers: number;
  readonly threads: number;
}

export function trainCommand(): Command {
  return addRunOptions(new Command('train'))
    .description('train the DCGAN on MNIST on this machine: a coordinator and local workers in one command')
    .option(
      '--workers <n>',
      'worker processes, one thread each; 0 computes in this process',
      wholeNumber(0, 1024),
      availableParallelism(),
    )
    .option('--threads <n>', 'threads that compute with --workers 0', wholeNumber(1, 1024), availableParallelism())
    .action((flags: TrainFlags) =>
      runTraining(flags, 'gantry train', (context, progress) =>
        flags.workers === 0
          ? attachThreads(context, flags.threads, (text) => progress.notice(text))
          : startWorkers(flags.workers, context, progress),
      ),
    );
}

async function startWorkers(count: number, context: AttachContext, progress: Progress): Promise<AttachedWorkers> {
  const tokens = await openTokens(context.path);
  const cluster = await openCluster({
    ...context,
    host: '127.0.0.1',
    port: 0,
    tokens,
    run: path.basename(context.path),
    onRefused: (peer, { code, message }) => progress.notice(`refused ${peer}: ${message} [${code}]`),
  });
  progress.notice(
    `${count} worker${count === 1 ? '' : 's'} on this machine; attach more with: gantry worker ${cluster.url}`,
  );
  const processes = new WorkerProcesses(cluster.url, tokens.work, progress);
  for (let i = 1; i <= count; i++) processes.start(`local-${i}`);
  return {
    close: async (reason) => {
      const ended = processes.close();
      await cluster.close(reason);
      await ended;
    },
  };
}

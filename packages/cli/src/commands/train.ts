import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Command, Option } from 'commander';
import { openCluster, openTokens } from '@gantry/coordinator';
import {
  dealGpus,
  ENGINE_NAMES,
  gpuAt,
  parseDevice,
  prepareDevice,
  requireFit,
  visibleGpus,
  type Device,
  type EngineName,
} from '@gantry/worker';
import { attachThreads } from '../workers/local-workers.ts';
import { wholeNumber } from '../options/options.ts';
import { addRunOptions, type RunFlags } from '../options/run-options.ts';
import { runTraining, type Attached, type Attachment } from '../run-training.ts';
import { WorkerProcesses } from '../workers/worker-processes.ts';

interface TrainFlags extends RunFlags {
  readonly workers: number;
  readonly threads: number;
  readonly engine?: EngineName;
  readonly device: TrainDevice;
}

/** `cuda` deals the GPUs out to the workers. */
type TrainDevice = Device | 'cuda';

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
    .addOption(new Option('--engine <name>', 'what computes').choices(ENGINE_NAMES))
    .option(
      '--device <name>',
      'where workers compute: cpu, webgpu, cuda, which gives each its own GPU, or cuda:INDEX',
      (text): TrainDevice => (text === 'cuda' ? text : parseDevice(text)),
      'cpu',
    )
    .action(runTrain);
}

async function runTrain(flags: TrainFlags): Promise<void> {
  const { workers, threads } = flags;
  // Devices are looked for here: where one is not there, nothing shall have been made.
  if (workers === 0) {
    const device = flags.device === 'cuda' ? 'cuda:0' : flags.device;
    const engine = await prepareDevice(flags.engine, device);
    await runTraining(flags, 'gantry train', (attachment) => attachThreads(attachment, engine, device, threads));
  } else {
    const places = await placesOf(flags, workers);
    await runTraining(flags, 'gantry train', (attachment) => startWorkers(places, attachment));
  }
}

/** Where one worker computes. */
interface Place {
  readonly engine: EngineName;
  readonly device: Device;
  /** The only one that it sees, as CUDA_VISIBLE_DEVICES names it. */
  readonly gpu?: string;
}

/** Deals the visible GPUs out to the workers; all of them share any other device. */
async function placesOf({ engine: asked, device }: TrainFlags, workers: number): Promise<Place[]> {
  if (device === 'cpu' || device === 'webgpu') {
    const engine = await prepareDevice(asked, device);
    return Array.from({ length: workers }, () => ({ engine, device }));
  }
  const engine = asked ?? 'onnx';
  requireFit(engine, 'cuda:0');
  const gpus = device === 'cuda' ? await visibleGpus() : [await gpuAt(device)];
  // Each sees one GPU, which is the first one to it.
  return dealGpus(gpus, workers).map((gpu) => ({ engine, device: 'cuda:0', gpu }));
}

async function startWorkers(places: readonly Place[], { context, progress, fail }: Attachment): Promise<Attached> {
  const tokens = await openTokens(context.path);
  const cluster = await openCluster({
    ...context,
    host: '127.0.0.1',
    port: 0,
    tokens,
    run: path.basename(context.path),
    onRefused: (peer, { code, message }) => progress.notice(`refused ${peer}: ${message} [${code}]`),
  });
  const count = places.length;
  const [first] = places;
  progress.notice(
    `${count} worker${count === 1 ? '' : 's'} on this machine (${first?.engine} engine on ${first?.device}); attach more with: gantry worker ${cluster.url}`,
  );
  progress.notice(`or in a browser's tab: ${cluster.joinUrl}`);
  progress.notice(`dashboard: ${cluster.dashboardUrl}`);
  const gpus = new Set(places.map(({ gpu }) => gpu)).size;
  if (places[0]?.gpu !== undefined && gpus < count) {
    progress.notice(`${count} workers share ${gpus} GPU${gpus === 1 ? '' : 's'} in turn`);
  }
  const processes = new WorkerProcesses(cluster.url, tokens.work, progress, (error) => {
    // Others may have come from elsewhere.
    if (context.scheduler.workers.length === 0) fail(error);
  });
  for (const [i, { engine, device, gpu }] of places.entries()) processes.start(`local-${i + 1}`, engine, device, gpu);
  return {
    cluster,
    close: async (reason) => {
      const ended = processes.close();
      cluster.dismiss(reason);
      await ended;
    },
  };
}

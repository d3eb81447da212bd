import { ENGINE_NAMES, parseDevice, type Device, type EngineName } from '@gantry/worker';
import { Command, Option } from 'commander';
import { availableCores } from '../available-cores.ts';
import { addListenOptions, type ListenFlags } from '../options/listen-options.ts';
import { wholeNumber } from '../options/options.ts';
import { addRunOptions, type RunFlags } from '../options/run-options.ts';

interface TrainFlags extends RunFlags, ListenFlags {
  readonly workers: number;
  readonly threads: number;
  readonly engine?: EngineName;
  /** `cuda` deals the GPUs out to the workers. */
  readonly device: Device | 'cuda';
}

export function trainCommand(): Command {
  const command = addRunOptions(new Command('train'))
    .description('train a GAN on this machine: a coordinator and local workers in one command')
    .option(
      '--workers <n>',
      'worker processes, one thread each; 0 computes in this process',
      wholeNumber(0, 1024),
      availableCores(),
    )
    .option('--threads <n>', 'threads that compute with --workers 0', wholeNumber(1, 1024), availableCores())
    .addOption(new Option('--engine <name>', 'what computes').choices(ENGINE_NAMES))
    .option(
      '--device <name>',
      'where workers compute: cpu, webgpu, cuda, which gives each its own GPU, or cuda:INDEX',
      (text): Device | 'cuda' => (text === 'cuda' ? text : parseDevice(text)),
      'cpu',
    );
  return addListenOptions(
    command,
    'address for the dashboard and further workers (default: any free port of 127.0.0.1)',
  ).action(runTrain);
}

async function runTrain(flags: TrainFlags, command: Command): Promise<void> {
  const { workers, threads, engine, device, listen, allowHost } = flags;
  // Loaded once nothing of the options was refused.
  const { runTraining } = await import('../run-training.ts');
  const local = workers === 0 ? { threads } : { processes: workers };
  await runTraining(flags, command, {
    workers: { ...local, engine, device },
    listen: { ...listen, allowedHosts: allowHost },
  });
}

import { createRequire } from 'node:module';
import { Command } from 'commander';
import { surviveClosedStreams } from './closed-streams.ts';
import { reportFailure } from './errors.ts';
import { collectSeldom, keepFreedMemory } from './memory.ts';

const { version } = createRequire(import.meta.url)('#package.json') as { version: string };

/** Loaded when they are asked for: a worker must not carry what the coordinator needs. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./commands/train.ts')).trainCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  coordinator: async () => (await import('./commands/coordinator.ts')).coordinatorCommand(),
  generate: async () => (await import('./commands/generate.ts')).generateCommand(),
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluateCommand(),
  init: async () => (await import('./commands/init.ts')).initCommand(),
  bench: async () => (await import('./bench/command.ts')).benchCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
};

surviveClosedStreams();

const program = new Command('gantry')
  .description(
    'Distributed GAN training: the Keras DCGAN tutorial, data-parallel, bit-identical for any number of workers.',
  )
  .version(version);

const [, , asked = ''] = process.argv;
const load = Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]] : Object.values(COMMANDS);
for (const command of load) if (command) program.addCommand(await command());

keepFreedMemory();
collectSeldom();
try {
  await program.parseAsync();
} catch (error) {
  reportFailure(error);
}

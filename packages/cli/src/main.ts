import { createRequire } from 'node:module';
import { Command } from 'commander';
import { benchCommand } from './bench/command.ts';
import { coordinatorCommand } from './coordinator-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { reportFailure } from './errors.ts';
import { generateCommand } from './generate-command.ts';
import { keepFreedMemory } from './memory.ts';
import { trainCommand } from './train-command.ts';
import { workerCommand } from './worker-command.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

const program = new Command('gantry')
  .description(
    'Distributed GAN training: the Keras DCGAN tutorial, data-parallel, bit-identical for any number of workers.',
  )
  .version(version)
  .addCommand(trainCommand())
  .addCommand(workerCommand())
  .addCommand(coordinatorCommand())
  .addCommand(generateCommand())
  .addCommand(benchCommand())
  .addCommand(doctorCommand());

keepFreedMemory();
try {
  await program.parseAsync();
} catch (error) {
  reportFailure(error);
}

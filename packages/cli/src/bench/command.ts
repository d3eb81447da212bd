import { Command } from 'commander';
import { coordinatorCommand } from './coordinator-command.ts';
import { stepCommand } from './step-command.ts';
import { trainCommand } from './train-command.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description("this machine's numbers")
    .addCommand(stepCommand())
    .addCommand(trainCommand())
    .addCommand(coordinatorCommand());
}

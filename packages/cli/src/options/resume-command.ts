import { shellWords } from '@gantry/core';
import type { Command } from 'commander';
import { thisCommand, userPath } from '../called.ts';
import { isModelFile } from '../model-file/is-model-file.ts';
import { addressText, type Address } from './listen-options.ts';

/**
 * How the values of options are written that a run does not record: those of how it is computed, served and told of.
 * @param url where the run was reached
 */
function writersOf(url: string): Readonly<Record<string, (value: unknown) => string>> {
  const path = (value: unknown) => userPath(String(value));
  const address = (value: unknown) => {
    const { host, port } = value as Address;
    // Where any free one was asked for: its workers come back to the one that was taken.
    return addressText({ host, port: port || Number(new URL(url).port) });
  };
  return {
    model: path,
    data: path,
    strict: String,
    workers: String,
    threads: String,
    engine: String,
    device: String,
    listen: address,
    allowHost: String,
    tlsCert: path,
    tlsKey: path,
    audit: String,
    auditAction: String,
    exit: String,
    json: String,
  };
}

/** The command that goes on with a run, to be given to a shell. @param url where the run was reached */
export function resumeCommand(command: Command, run: string, url: string): string {
  const writers = writersOf(url);
  const words = ['--run', userPath(run), '--resume'];
  for (const option of command.options) {
    const name = option.attributeName();
    const written = writers[name];
    if (!written || command.getOptionValueSource(name) !== 'cli') continue;
    const given: unknown = command.getOptionValue(name);
    // The run has the name of a model that ships, and of another one its data, but nothing to be run.
    if (name === 'model' && !isModelFile(String(given))) continue;
    const values: readonly unknown[] = Array.isArray(given) ? given : [given];
    for (const value of values) words.push(option.long ?? '', ...(value === true ? [] : [written(value)]));
  }
  return `${thisCommand()} ${shellWords([command.name(), ...words])}`;
}

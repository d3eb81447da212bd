import { InvalidArgumentError, type Command } from 'commander';
import { overlaid, valueAt, type GivenConfig, type GivenOptimizer } from '@gantry/coordinator/config';
import { GantryError, OPTIMIZER_NAMES } from '@gantry/core';
import { number, wholeNumber } from './options.ts';

/** One for all networks, or one for each; undefined where its place is left empty. */
type Values<T> = readonly (T | undefined)[];

/** Options of the optimizers, each for all networks, or for one after the other with commas between. */
export interface OptimizerFlags {
  readonly optimizer?: Values<string>;
  readonly learningRate?: Values<number>;
  readonly beta1?: Values<number>;
  readonly beta2?: Values<number>;
  readonly momentum?: Values<number>;
  readonly clipNorm?: Values<number>;
  readonly warmUp?: number;
  readonly cosine?: number;
}

function valuesOf<T>(parse: (text: string) => T): (text: string) => Values<T> {
  return (text) => {
    const parts = text.split(',');
    if (parts.every((part) => part === '')) {
      throw new InvalidArgumentError('Expected one value, or one for each network: generator,discriminator.');
    }
    return parts.map((part) => (part === '' ? undefined : parse(part)));
  };
}

export function addOptimizerOptions(command: Command): Command {
  const numbers = valuesOf(number);
  return command
    .option(
      '--optimizer <name>',
      `${OPTIMIZER_NAMES}; here and below: of all networks, or of each: generator,discriminator`,
      valuesOf(String),
    )
    .option(
      '--learning-rate <rate>',
      'learning rate (default: 0.0001 with adam, 0.01 with sgd, 0.001 with rmsprop)',
      numbers,
    )
    .option('--beta1 <decay>', "decay of adam's first moments (default: 0.9)", numbers)
    .option('--beta2 <decay>', "decay of adam's second moments (default: 0.999)", numbers)
    .option('--momentum <decay>', 'momentum of sgd (default: 0)', numbers)
    .option('--clip-norm <norm>', "largest norm of a network's gradient (default: any)", numbers)
    .option('--warm-up <steps>', 'steps in which the learning rate rises to its value (default: 0)', wholeNumber(0))
    .option(
      '--cosine <steps>',
      'steps after that in which the learning rate falls to 0 along a cosine (default: it is constant)',
      wholeNumber(1),
    );
}

/** What an option says of an optimizer, named as in run.json: the only place that knows both names. */
const MEANINGS: Readonly<Record<keyof OptimizerFlags, (value: unknown) => GivenOptimizer>> = {
  optimizer: (name) => ({ name }),
  learningRate: (learningRate) => ({ learningRate }),
  beta1: (beta1) => ({ beta1 }),
  beta2: (beta2) => ({ beta2 }),
  momentum: (momentum) => ({ momentum }),
  clipNorm: (clipNorm) => ({ clipNorm }),
  warmUp: (warmUpSteps) => ({ schedule: { warmUpSteps } }),
  cosine: (steps) => ({ schedule: { kind: 'cosine', steps } }),
};

/**
 * What was given of the optimizers, by network, named as in run.json.
 * @param networks in the order of the values
 * @throws GantryError E_CONFIG if there are several values, and not one for each
 */
export function optimizerSettings(flags: OptimizerFlags, networks: readonly string[]): GivenConfig {
  let settings: GivenConfig = {};
  for (const [flag, meaning] of Object.entries(MEANINGS)) {
    const given: unknown = flags[flag as keyof OptimizerFlags];
    const values: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (values.length > 1 && values.length !== networks.length) {
      const all = `${networks.length} networks: ${networks.join(', ')}`;
      throw new GantryError('E_CONFIG', `${optionOf(flag)} has ${values.length} values, and the model has ${all}`);
    }
    for (const [i, network] of networks.entries()) {
      const own = values.length === 1 ? values[0] : values[i];
      if (own !== undefined) settings = overlaid(settings, { optimizers: { [network]: meaning(own) } });
    }
  }
  return settings;
}

/** How an option is written. @param flag its name in camel case */
export function optionOf(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The option that sets a setting of an optimizer.
 * @param path keys of the optimizer's settings, as in run.json
 * @returns its name in camel case, or undefined if there is none
 */
export function optimizerFlagOf(path: readonly string[]): string | undefined {
  return Object.entries(MEANINGS).find(([, meaning]) => valueAt(meaning(true), path) !== undefined)?.[0];
}

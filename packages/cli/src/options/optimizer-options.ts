import { InvalidArgumentError, type Command } from 'commander';
import { overlaid, valueAt, type GivenConfig, type GivenOptimizer } from '@gantry/coordinator/config';
import { DEFAULT_OPTIMIZERS, OPTIMIZER_NAMES } from '@gantry/core';
import { number, wholeNumber } from './options.ts';

/** One for each network; undefined where its half is left out. */
type Pair<T> = readonly [generator: T | undefined, discriminator: T | undefined];

/** Options of the optimizers, each for both networks or for the generator and the discriminator, with a comma between. */
export interface OptimizerFlags {
  readonly optimizer?: Pair<string>;
  readonly learningRate?: Pair<number>;
  readonly beta1?: Pair<number>;
  readonly beta2?: Pair<number>;
  readonly momentum?: Pair<number>;
  readonly clipNorm?: Pair<number>;
  readonly warmUp?: number;
  readonly cosine?: number;
}

function pairOf<T>(parse: (text: string) => T): (text: string) => Pair<T> {
  return (text) => {
    const [generator = '', discriminator = generator, ...more] = text.split(',');
    if (more.length > 0 || generator + discriminator === '') {
      throw new InvalidArgumentError('Expected one value, or two with a comma between: generator,discriminator.');
    }
    const [first, second] = [generator, discriminator].map((half) => (half === '' ? undefined : parse(half)));
    return [first, second];
  };
}

export function addOptimizerOptions(command: Command): Command {
  const numbers = pairOf(number);
  return command
    .option(
      '--optimizer <name>',
      `${OPTIMIZER_NAMES}; here and below: of both networks, or generator,discriminator`,
      pairOf(String),
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

/** In the order of a pair. */
const NETWORKS = Object.keys(DEFAULT_OPTIMIZERS);

/** What was given of the optimizers, by network, named as in run.json. */
export function optimizerSettings(flags: OptimizerFlags): GivenConfig {
  let settings: GivenConfig = {};
  for (const [flag, meaning] of Object.entries(MEANINGS)) {
    const value: unknown = flags[flag as keyof OptimizerFlags];
    for (const [i, network] of NETWORKS.entries()) {
      const own: unknown = Array.isArray(value) ? value[i] : value;
      if (own !== undefined) settings = overlaid(settings, { optimizers: { [network]: meaning(own) } });
    }
  }
  return settings;
}

/**
 * The option that sets a setting of an optimizer.
 * @param path keys of the optimizer's settings, as in run.json
 * @returns its name in camel case, or undefined if there is none
 */
export function optimizerFlagOf(path: readonly string[]): string | undefined {
  return Object.entries(MEANINGS).find(([, meaning]) => valueAt(meaning(true), path) !== undefined)?.[0];
}

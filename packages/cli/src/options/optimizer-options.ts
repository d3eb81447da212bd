import { InvalidArgumentError, type Command } from 'commander';
import type { GivenConfig } from '@gantry/coordinator';
import { wholeNumber } from './options.ts';

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

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

export function addOptimizerOptions(command: Command): Command {
  const numbers = pairOf(number);
  return command
    .option(
      '--optimizer <name>',
      'adam or sgd; here and below: of both networks, or generator,discriminator',
      pairOf(String),
    )
    .option('--learning-rate <rate>', 'learning rate (default: 0.0001 with adam, 0.01 with sgd)', numbers)
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

/** What was given of both optimizers; undefined where nothing was. */
export function optimizerSettings(flags: OptimizerFlags): GivenConfig['optimizers'] {
  const { optimizer: name, learningRate, beta1, beta2, momentum, clipNorm, warmUp, cosine } = flags;
  const both = <T>(value: T | undefined): Pair<T> | undefined => (value === undefined ? undefined : [value, value]);
  const pairs = { name, learningRate, beta1, beta2, momentum, clipNorm, warmUp: both(warmUp), cosine: both(cosine) };
  const of = (network: 0 | 1) =>
    Object.fromEntries(
      Object.entries(pairs).flatMap(([key, pair]) =>
        pair?.[network] === undefined ? [] : [[key, pair[network]] as const],
      ),
    );
  const [generator, discriminator] = [of(0), of(1)];
  return Object.keys({ ...generator, ...discriminator }).length > 0 ? { generator, discriminator } : undefined;
}

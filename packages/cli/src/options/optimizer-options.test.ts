import { describe, expect, it } from 'vitest';
import { valueAt } from '@gantry/coordinator/config';
import { Command } from 'commander';
import { addOptimizerOptions, optimizerFlagOf, optimizerSettings } from './optimizer-options.ts';

const given = (...args: string[]) => ofNetworks(['generator', 'discriminator'], ...args);
const ofNetworks = (networks: readonly string[], ...args: string[]) =>
  optimizerSettings(addOptimizerOptions(new Command()).parse(args, { from: 'user' }).opts(), networks);

const ALL = [
  ['--optimizer', 'sgd', ['name'], 'sgd'],
  ['--learning-rate', '0.5', ['learningRate'], 0.5],
  ['--beta1', '0', ['beta1'], 0],
  ['--beta2', '0.5', ['beta2'], 0.5],
  ['--momentum', '0.5', ['momentum'], 0.5],
  ['--clip-norm', '2', ['clipNorm'], 2],
  ['--warm-up', '0', ['schedule', 'warmUpSteps'], 0],
  ['--cosine', '3', ['schedule', 'steps'], 3],
] as const;

describe('options of the optimizers', () => {
  it('are all known here', () => {
    const known = addOptimizerOptions(new Command()).options.map(({ long }) => long);
    expect(new Set(known)).toEqual(new Set(ALL.map(([option]) => option)));
  });

  it.each(ALL)('%s sets its setting of both networks, and is found by it', (option, text, path, value) => {
    const { optimizers } = given(option, text);
    expect(valueAt(optimizers, ['generator', ...path])).toBe(value);
    expect(optimizers?.['discriminator']).toEqual(optimizers?.['generator']);
    const attribute = addOptimizerOptions(new Command())
      .options.find(({ long }) => long === option)
      ?.attributeName();
    expect(optimizerFlagOf(path)).toBe(attribute);
  });

  it('go together, with a half left out where there is none', () => {
    expect(given('--momentum', '0.5,', '--optimizer', 'sgd,adam', '--cosine', '9', '--warm-up', '2')).toEqual({
      optimizers: {
        generator: { name: 'sgd', momentum: 0.5, schedule: { kind: 'cosine', warmUpSteps: 2, steps: 9 } },
        discriminator: { name: 'adam', schedule: { kind: 'cosine', warmUpSteps: 2, steps: 9 } },
      },
    });
    expect(given()).toEqual({});
  });

  it('go to any networks, in their order', () => {
    const networks = ['generator', 'discriminator', 'encoder'];
    expect(ofNetworks(networks, '--learning-rate', '0.1,,0.3', '--beta1', '0.5')).toEqual({
      optimizers: {
        generator: { learningRate: 0.1, beta1: 0.5 },
        discriminator: { beta1: 0.5 },
        encoder: { learningRate: 0.3, beta1: 0.5 },
      },
    });
    expect(() => ofNetworks(networks, '--learning-rate', '0.1,0.2')).toThrow(
      '--learning-rate has 2 values, and the model has 3 networks: generator, discriminator, encoder',
    );
  });

  it('do not set everything', () => {
    expect(optimizerFlagOf(['epsilon'])).toBeUndefined();
    expect(optimizerFlagOf(['schedule', 'kind'])).toBe('cosine');
  });
});

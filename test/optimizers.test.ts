import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gantry, digestOf, gantry, gantryOk, readJson, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Four steps in two epochs. */
const RUN = [
  ...TINY,
  '--epochs',
  '2',
  '--limit',
  '32',
  '--batch',
  '16',
  '--shard-size',
  '8',
  '--seed',
  '3',
  '--workers',
  '0',
];
const ADAM = ['--optimizer', 'adam', '--learning-rate', '0.0001', '--beta1', '0.9', '--beta2', '0.999'];
const SGD = ['--optimizer', 'sgd,adam', '--learning-rate', '0.02,0.0002', '--momentum', '0.9,', '--clip-norm', '1'];
const SCHEDULE = ['--warm-up', '1', '--cosine', '3'];

const newRun = () => join(temporaryDirectory(), 'run');

describe('the optimizers', () => {
  it('are the tutorial’s by default', async () => {
    const [byDefault, given, faster] = await Promise.all([
      trainedDigest(...RUN),
      trainedDigest(...RUN, ...ADAM),
      trainedDigest(...RUN, '--learning-rate', '0.0001,0.0004'),
    ]);
    expect(given).toBe(byDefault);
    expect(faster).not.toBe(byDefault);
  });

  it('go on exactly after a resume, with their settings recorded', async () => {
    const [whole, parts] = [newRun(), newRun()];
    await gantryOk('train', ...RUN, ...SGD, ...SCHEDULE, '--run', whole);
    await gantryOk('train', ...RUN, ...SGD, ...SCHEDULE, '--epochs', '1', '--run', parts);
    const repeated = ['--cosine', '3', '--momentum', '0.9,'];
    await gantryOk('train', '--resume', ...TINY_DATA, '--run', parts, '--epochs', '2', '--workers', '0', ...repeated);
    expect(digestOf(parts)).toBe(digestOf(whole));
    const { config } = readJson<{ config: unknown }>(parts, 'run.json');
    const schedule = { kind: 'cosine', warmUpSteps: 1, steps: 3, finalFraction: 0 };
    expect(config).toMatchObject({
      optimizers: {
        generator: { name: 'sgd', learningRate: 0.02, momentum: 0.9, clipNorm: 1, schedule },
        discriminator: { name: 'adam', learningRate: 0.0002, beta1: 0.9, clipNorm: 1, schedule },
      },
    });
  });

  it('cannot be changed on a resume: each setting that differs is named', async () => {
    const run = newRun();
    await gantryOk('train', ...RUN, '--epochs', '1', '--run', run);
    const resume = ['train', '--resume', ...TINY_DATA, '--run', run, '--epochs', '2', '--workers', '0'];
    const { code, stderr } = await gantry(...resume, '--learning-rate', '0.0001,0.001', '--beta1', '0.5,0.9');
    expect(code).toBe(1);
    expect(stderr).toMatch(/--learning-rate of the discriminator 0\.001 \(the run has 0\.0001\)/);
    expect(stderr).toMatch(/--beta1 of the generator 0\.5 \(the run has 0\.9\)/);
    expect(stderr).not.toMatch(/--learning-rate of the generator|--beta1 of the discriminator/);
    expect((await gantry(...resume, '--cosine', '9')).stderr).toMatch(
      /--cosine of the generator 9 \(the run has none\)/,
    );
    await gantryOk(...resume, ...ADAM);
  });

  it.each([
    [['--optimizer', 'lion'], /--optimizer of the generator, --optimizer of the discriminator: expected adam or sgd/],
    [['--learning-rate', '0'], /--learning-rate of the generator, .*: it has to be more than 0/],
    [['--learning-rate', '0.1,fast'], /--learning-rate.*Expected a number/],
    [
      ['--learning-rate', '1,2,3'],
      /--learning-rate has 3 values, and the model has 2 networks: generator, discriminator/,
    ],
    [['--learning-rate', ''], /--learning-rate.*one value, or one for each network/],
    [['--optimizer', 'sgd', '--momentum', '0.99999999'], /--momentum of the generator, .*: it has to be less than 1/],
    [['--beta1', '0.9,1'], /--beta1 of the discriminator: /],
    [
      ['--momentum', '0.9'],
      /--momentum of the generator, .*: the optimizer adam has no such setting; it has name, learningRate/,
    ],
    [['--optimizer', 'sgd', '--beta1', '0.5'], /--beta1 of the generator, .*: the optimizer sgd has no such setting/],
    [['--clip-norm', '0'], /--clip-norm of the generator, .*: expected number to be >0/],
    [['--cosine', '0'], /--cosine.*at least 1/],
  ])('%j are refused in one line', async (options, message) => {
    const { code, stdout, stderr } = await new Gantry(['train', ...RUN, ...options, '--run', newRun()]).finished;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.match(/^(gantry|error): .*/gm)).toEqual([expect.stringMatching(message)]);
  });
});

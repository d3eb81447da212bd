import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestOf, gantry, gantryOk, readJson, temporaryDirectory } from './support/gantry.ts';
import { TINY_DATA } from './support/tiny.ts';

/** Two steps. */
const SETTINGS = {
  model: 'tiny',
  epochs: 1,
  limit: 32,
  batch: 16,
  shardSize: 8,
  seed: 3,
  optimizers: {
    generator: { name: 'sgd', momentum: 0.9, schedule: { kind: 'cosine', warmUpSteps: 1, steps: 3 } },
    discriminator: { learningRate: 0.0002 },
  },
};
const OPTIONS = [
  '--model',
  'tiny',
  '--epochs',
  '1',
  '--limit',
  '32',
  '--batch',
  '16',
  '--shard-size',
  '8',
  '--seed',
  '3',
];
const OPTIMIZERS = ['--optimizer', 'sgd,adam', '--momentum', '0.9,', '--learning-rate', ',0.0002'];

const newRun = () => join(temporaryDirectory(), 'run');

function file(settings: unknown): string {
  const path = join(temporaryDirectory(), 'settings.json');
  writeFileSync(path, typeof settings === 'string' ? settings : JSON.stringify(settings));
  return path;
}

/** The one line with which a command refuses, having written nothing. */
async function refusal(command: 'train' | 'coordinator', config: string): Promise<string> {
  const run = newRun();
  const { code, stdout, stderr } = await gantry(command, '--config', config, '--run', run);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^gantry: .*\[E_CONFIG\]\n$/);
  expect(readdirSync(dirname(run))).toEqual([]);
  return stderr;
}

describe('--config', () => {
  let run: string;
  const config = (of: string) => readJson<{ config: unknown }>(of, 'run.json').config;
  const train = (...args: string[]) => gantryOk('train', '--workers', '0', ...TINY_DATA, ...args);

  beforeAll(async () => {
    run = newRun();
    const { stderr } = await train('--config', file(SETTINGS), '--run', run);
    expect(stderr.split('\n')[0]).toBe(`run ${run}`);
  });

  it('means what the options mean, which win', async () => {
    const [byOptions, overridden] = [newRun(), newRun()];
    // No option gives a schedule to one network only.
    const schedule = { optimizers: { generator: { schedule: SETTINGS.optimizers.generator.schedule } } };
    await train(...OPTIONS, ...OPTIMIZERS, '--config', file(schedule), '--run', byOptions);
    await train('--config', file({ ...SETTINGS, seed: 4, batch: 32 }), ...OPTIONS, '--run', overridden);
    expect([config(byOptions), config(overridden)]).toEqual([config(run), config(run)]);
    expect([digestOf(byOptions), digestOf(overridden)]).toEqual([digestOf(run), digestOf(run)]);
  });

  it('repeats a run by its run.json', async () => {
    const again = newRun();
    await train('--config', join(run, 'run.json'), '--run', again);
    expect(config(again)).toEqual(config(run));
    expect(digestOf(again)).toBe(digestOf(run));
  });

  it('counts like options on a resume', async () => {
    const resume = ['train', '--workers', '0', '--resume', ...TINY_DATA, '--run', run];
    const other = file({ seed: 4, optimizers: { generator: { schedule: { steps: 5 } } } });
    const { code, stderr } = await gantry(...resume, '--config', other, '--learning-rate', ',0.1');
    expect([code, stderr]).toEqual([
      1,
      `gantry: cannot resume with another seed 4 in ${other} (the run has 3), optimizers.generator.schedule.steps 5 in ` +
        `${other} (the run has 3), --learning-rate of the discriminator 0.1 (the run has 0.0002): it would change the ` +
        `result; start a new run [E_RESUME]\n`,
    ]);
    await gantryOk(...resume, '--config', file({ ...SETTINGS, epochs: 2 }));
    expect(config(run)).toMatchObject({ epochs: 2 });
  });
});

describe('a file of no use is refused in one line', () => {
  it('where it is missing', async () => {
    expect(await refusal('train', '/nowhere/settings.json')).toContain('--config /nowhere/settings.json: cannot read');
    expect(existsSync('/nowhere')).toBe(false);
  });

  it('where it is not JSON', async () => {
    expect(await refusal('coordinator', file('{\n  "seed": 3,\n}'))).toContain('is not JSON: line 3, column 1: ');
  });

  it('where a setting is wrong', async () => {
    const wrong = file({ sed: 3, optimizers: { generator: { name: 'adam', beta1: 'high' } } });
    const line = await refusal('train', wrong);
    expect(line).toContain(`sed in ${wrong}: there is no such setting; there are model, seed, `);
    expect(line).toContain(`optimizers.generator.beta1 in ${wrong}: expected number, received string`);
  });
});

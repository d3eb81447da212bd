import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Gantry,
  digestOf,
  gantry,
  gantryOk,
  lineCount,
  readJson,
  readJsonLines,
  temporaryDirectory,
  whenFiles,
} from './support/gantry.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { TINY_DATA } from './support/tiny.ts';

const ENCODER = `encoder: {
    input: [8, 8, 1],
    output: [8],
    layers: () => [layers.flatten(), layers.dense({ units: 4, activation: 'tanh' }), layers.dense({ units: 8 })],
  }`;

/** A GAN whose encoder learns, in a round of its own, which noise a generated image was made of. */
const source = (networks: string) =>
  ganSource({
    imports: `import { crossEntropy, defineGan, layers, onePassStep, tf } from 'gantry';

const encode = {
  name: 'encode',
  updates: ['encoder'],
  reports: [{ name: 'encoderLoss', chart: 'Loss', label: 'encoder' }],
  gradients({ generator, encoder }, { noise }) {
    const made = generator.apply(noise);
    let loss;
    const { grads } = tf.variableGrads(
      () => (loss = tf.keep(tf.sum(tf.square(tf.sub(encoder.apply(made), noise))))),
      encoder.variables.map(({ variable }) => variable),
    );
    const gradients = encoder.variables.map(({ name, variable }) => [name, grads[variable.name]]);
    return { gradients: Object.fromEntries(gradients), sums: { encoderLoss: loss } };
  },
};`,
    more: `networks: { ${networks} }, phases: [onePassStep(crossEntropy), encode],`,
  });

/** 16 rounds to an epoch, and two rounds to a step: 32 steps. */
const RUN = ['--limit', '256', '--batch', '16', '--shard-size', '8', '--epochs', '4', '--seed', '7', '--exit'];

describe('a model of three networks', () => {
  const folder = folderWith({ 'gan.js': source(ENCODER) });
  const model = ['--model', join(folder, 'gan.js'), ...TINY_DATA];
  const optimizers = ['--optimizer', 'adam,adam,sgd', '--learning-rate', '0.001,,0.002', '--momentum', ',,0.5'];
  const run = join(folder, 'run');
  beforeAll(() => gantryOk('train', ...model, ...RUN, ...optimizers, '--workers', '0', '--run', run));

  it('reports each, and trains each by its own optimizer', () => {
    const steps = readJsonLines<Record<string, number>>(run, 'metrics.jsonl');
    expect(steps).toHaveLength(32);
    for (const name of ['generatorGradNorm', 'discriminatorGradNorm', 'encoderGradNorm', 'encoderLoss']) {
      expect(steps.every((step) => (step[name] ?? 0) > 0)).toBe(true);
    }
    expect(steps.at(-1)?.['encoderLoss']).toBeLessThan(steps[0]?.['encoderLoss'] ?? 0);
    const { config } = readJson<{ config: { optimizers: object } }>(run, 'run.json');
    expect(Object.keys(config.optimizers)).toEqual(['generator', 'discriminator', 'encoder']);
    expect(config.optimizers).toMatchObject({
      generator: { name: 'adam', learningRate: 0.001 },
      discriminator: { name: 'adam', learningRate: 0.0001 },
      encoder: { name: 'sgd', learningRate: 0.002, momentum: 0.5 },
    });
  });

  it('comes to the same bits by two workers, and by the settings of a file', async () => {
    const [two, repeated] = [join(folder, 'two'), join(folder, 'repeated')];
    await gantryOk('train', ...model, ...RUN, ...optimizers, '--workers', '2', '--run', two);
    expect(digestOf(two)).toBe(digestOf(run));
    const given = ['--config', join(run, 'run.json'), '--workers', '0', '--exit'];
    await gantryOk('train', ...model, ...given, '--run', repeated);
    expect(digestOf(repeated)).toBe(digestOf(run));
  });

  it('goes on after it was killed, to the same bits', async () => {
    const killed = join(folder, 'killed');
    const often = ['--checkpoint-every', '1', '--workers', '0'];
    const process = new Gantry(['train', ...model, ...RUN, ...optimizers, ...often, '--run', killed]);
    await whenFiles(() => lineCount(killed, 'metrics.jsonl') >= 3);
    process.process.kill('SIGKILL');
    await process.finished;
    await gantryOk('train', '--resume', ...model, '--run', killed, ...optimizers, '--workers', '0', '--exit');
    expect(digestOf(killed)).toBe(digestOf(run));
    const pictures = join(folder, 'pictures.npy');
    await gantryOk('generate', killed, '--count', '4', '--out', pictures);
  });

  it.each([
    [['--learning-rate', '0.1,0.2'], /--learning-rate has 2 values, and the model has 3 networks: generator, discr/],
    [['--learning-rate', '0.1,0.2,0'], /--learning-rate of the encoder: it has to be more than 0/],
    [['--config', 'critic'], /optimizers\.critic in .*: there is no such network; there are generator, .*, encoder/],
  ])('takes no other optimizers: %j', async ([option = '', value = ''], message) => {
    const file = join(temporaryDirectory(), 'settings.json');
    writeFileSync(file, JSON.stringify({ optimizers: { [value]: { learningRate: 0.1 } } }));
    const given = [option, option === '--config' ? file : value];
    const { code, stderr } = await gantry('train', ...model, ...RUN, ...given, '--run', join(folder, 'refused'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gantry: .* \[E_CONFIG\]\n$/);
    expect(stderr).toMatch(message);
  });

  it.each([
    ["'my encoder': {}", /defineGan: networks has the name "my encoder": a letter, and then/],
    ['generator: {}', /defineGan: networks\.generator: it is a field of its own/],
    ['encoder: {}', /defineGan: networks\.encoder\.input is missing, and has to be the shape of one sample/],
    [ENCODER.replace('layers:', 'layer:'), /networks\.encoder takes no 'layer', and has to be \{ input/],
    [
      ENCODER.replace('[8],', '[9],'),
      /layer encoder\/dense2 \(Dense\): encoder ends with 8 where 9, its output, was expected: .* networks\.encoder\.output/,
    ],
  ])('is refused in one line with %s', async (networks, message) => {
    const file = join(folderWith({ 'gan.js': source(networks) }), 'gan.js');
    const place = ['--run', join(folder, 'refused')];
    const { code, stderr } = await gantry('train', '--model', file, ...TINY_DATA, ...RUN, ...place);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gantry: .* \[E_CONFIG\]\n$/);
    expect(stderr).toMatch(message);
  });
});

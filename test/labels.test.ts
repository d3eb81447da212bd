import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from '@gantry/compiler/onnx-runtime';
import { gradientName, readNpy } from '@gantry/core';
import { conditioned, disposeModel, modelVariables, runPhase, type Network } from '@gantry/core/tfjs';
import { crossEntropy, defineGan } from '@gantry/models';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryEngine, type Numbers } from './support/compiled-function.ts';
import {
  Gantry,
  digestOf,
  gantry,
  gantryOk,
  lineCount,
  readJson,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { TINY_DATA } from './support/tiny.ts';

const CLASSES = 4;
const IDX_LABELS = 0x0801;
const NPY_HEADER_BYTES = 128;

/** The images of the tiny model with labels, `classes` in turn. @returns the folder */
function labelled(classes: number, shift = 0): string {
  const [, images = ''] = TINY_DATA;
  const folder = temporaryDirectory();
  cpSync(images, folder, { recursive: true });
  const count = readFileSync(join(images, 'train-images-idx3-ubyte')).readUInt32BE(4);
  const file = Buffer.alloc(8 + count);
  [IDX_LABELS, count].forEach((value, i) => file.writeUInt32BE(value, 4 * i));
  for (let i = 0; i < count; i++) file[8 + i] = (i + shift) % classes;
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), file);
  return folder;
}

const FILE = join(folderWith({ 'four.js': ganSource({ more: `classes: ${CLASSES},` }) }), 'four.js');
const DATA = labelled(CLASSES);
const SEED = '7';
const SIZES = ['--seed', SEED, '--limit', '104', '--batch', '32', '--shard-size', '8', '--exit'];
const RUN = ['--model', FILE, '--data', DATA, ...SIZES];

describe('the gradients of a model with classes', () => {
  it('are those of each network by itself, on every engine', async () => {
    const model = defineGan({
      name: 'small',
      image: [4, 4, 1],
      noise: 3,
      classes: 3,
      generator: () => [
        layers.dense({ units: 16, activation: 'tanh' }),
        layers.reshape({ targetShape: [4, 4, 1] }),
        layers.conv2d({ filters: 1, kernelSize: 3, padding: 'same', activation: 'tanh' }),
      ],
      discriminator: () => [
        layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' }),
        layers.flatten(),
        layers.dense({ units: 1 }),
      ],
    }).model('small');
    const { generator, discriminator } = model.networks as Record<'generator' | 'discriminator', Network>;
    const waves = (shape: number[], seed: number): Numbers => ({
      shape,
      data: Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(seed * (i + 1))),
    });
    const inputs = {
      images: waves([3, 4, 4, 1], 3),
      noise: waves([3, 3], 5),
      labels: { shape: [3, 3], data: Float32Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0) },
    };
    const phase = model.phases[0];
    if (!phase) throw new Error('the model has a phase');
    const variables = Object.fromEntries(modelVariables(model, true).map(({ name, variable }) => [name, variable]));
    const results = await onEveryEngine((given) => runPhase(model, phase, given), inputs, variables);

    // The label maps are written out: of each pixel, its own channels and then the label.
    const tensor = ({ shape, data }: Numbers) => tf.tensor(data, [...shape]);
    const [images, noise, labels] = [tensor(inputs.images), tensor(inputs.noise), tensor(inputs.labels)];
    const maps = tf.tile(tf.reshape(labels, [3, 1, 1, 3]), [1, 4, 4, 1]);
    const judge = (x: tf.Tensor) => discriminator.apply(tf.concat([x, maps], 3)) as tf.Tensor;
    const fakes = () => generator.apply(tf.concat([noise, labels], 1)) as tf.Tensor;
    const of = (network: string) =>
      Object.entries(variables).flatMap(([name, variable]) => (name.startsWith(network) ? [variable] : []));
    const expected = {
      ...tf.variableGrads(() => tf.sum<tf.Scalar>(crossEntropy.generator.loss(judge(fakes()))), of('generator')).grads,
      ...tf.variableGrads(
        () =>
          tf.add<tf.Scalar>(
            tf.sum(crossEntropy.real.loss(judge(images))),
            tf.sum(crossEntropy.fake.loss(judge(fakes()))),
          ),
        of('discriminator'),
      ).grads,
    };
    for (const [engine, found] of Object.entries(results)) {
      for (const [name, variable] of Object.entries(variables)) {
        const [is, shall] = [found[gradientName(name)], expected[variable.name]?.dataSync()];
        const largest = Math.max(...(shall ?? []).map(Math.abs));
        expect(largest, name).toBeGreaterThan(0);
        shall?.forEach((value, i) => {
          expect(Math.abs((is?.[i] ?? NaN) - value) / largest, `${engine}: ${name}`).toBeLessThan(1e-5);
        });
      }
    }
    disposeModel(model);
  });

  it('get a label as channels of its own', () => {
    const [x, labels] = [tf.tensor([1, 2, 3, 4], [2, 1, 2, 1]), tf.tensor2d([[0, 1], [1, 0]])]; // prettier-ignore
    expect([...conditioned(x, labels).dataSync()]).toEqual([1, 0, 1, 2, 0, 1, 3, 1, 0, 4, 1, 0]);
    expect(conditioned(x, undefined)).toBe(x);
  });
});

describe.each([
  ['synchronous', []],
  ['with local steps', ['--local-steps', '4']],
] as const)('the weights of a model with classes, %s', (_, options) => {
  it('are the same with any number of workers, and after a kill and a resume', async () => {
    const common = [...RUN, ...options, '--epochs', '20', '--checkpoint-every', '4'];
    const single = await trainedDigest(...common, '--workers', '0');
    for (const count of ['1', '3']) expect(await trainedDigest(...common, '--workers', count), count).toBe(single);

    const run = join(temporaryDirectory(), 'run');
    const killed = new Gantry(['train', ...common, '--epochs', '100000', '--workers', '1', '--run', run]);
    await whenFiles(() => lineCount(run, 'metrics.jsonl') >= 20);
    killed.process.kill('SIGKILL');
    await killed.finished;
    const epochs = `${Math.ceil(lineCount(run, 'metrics.jsonl') / 4) + 1}`;
    const resume = ['--resume', '--run', run, '--model', FILE, '--data', DATA, '--epochs', epochs, '--exit'];
    await gantryOk('train', ...resume, '--workers', '0');
    expect(digestOf(run)).toBe(await trainedDigest(...common, '--epochs', epochs, '--workers', '0'));
  });
});

describe('a run of a model with classes', () => {
  const run = join(temporaryDirectory(), 'run');
  beforeAll(() => gantryOk('train', ...RUN, '--flip', '--epochs', '1', '--workers', '0', '--run', run));

  it('learns from the labels, and keeps what they were', async () => {
    const { data } = readJson<{ data: { classes: number; labels: string } }>(run, 'run.json');
    expect(data).toMatchObject({ classes: CLASSES, labels: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const shifted = ['--data', labelled(CLASSES, 1)];
    const once = ['--model', FILE, ...SIZES, '--flip', '--epochs', '1', '--workers', '0'];
    expect(await trainedDigest(...once, ...shifted)).not.toBe(digestOf(run));
    const { code, stderr } = await gantry('train', '--resume', '--run', run, '--model', FILE, ...shifted);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^gantry: the labels of .* are not those .*\[E_RESUME\]\n$/),
    ]);
  });

  it('has a row of each class in its sample grids, all of the same noise', async () => {
    const { data, info } = await sharp(join(run, 'samples/epoch-0001.png')).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 8 * 112, height: CLASSES * 112 });
    const out = join(temporaryDirectory(), 'third.npy');
    await gantryOk('generate', run, '--label', '2', '--count', '8', '--seed', SEED, '--out', out);
    const drawn = readFileSync(out).subarray(NPY_HEADER_BYTES);
    // Each pixel is 14×14 in the grid.
    const shown = (column: number, y: number, x: number) =>
      data[((2 * 8 + y) * 14 * info.width + (column * 8 + x) * 14) * info.channels];
    const row = Array.from({ length: 8 * 64 }, (_, i) => shown(i >> 6, (i >> 3) & 7, i & 7));
    row.forEach((value, i) => expect(Math.abs((value ?? NaN) - (drawn[i] ?? NaN))).toBeLessThanOrEqual(1));
  });

  it('draws the classes that are asked for, else all in turn', async () => {
    const drawn = async (...options: string[]) => {
      const out = join(temporaryDirectory(), 'drawn.npy');
      const { stdout } = await gantryOk('generate', run, '--count', '4', '--out', out, '--json', ...options);
      const { values } = readNpy(readFileSync(out), out);
      const said = JSON.parse(stdout) as { labels?: number[] };
      return { said, pictures: [0, 1, 2, 3].map((i) => values.subarray(i * 64, (i + 1) * 64)) };
    };
    const [all, some] = [await drawn(), await drawn('--label', '0,3')];
    expect([all.said.labels, some.said.labels]).toEqual([undefined, [0, 3]]);
    expect([0, 3].map((i) => some.pictures[i])).toEqual([0, 3].map((i) => all.pictures[i]));
    expect(some.pictures[1]).not.toEqual(all.pictures[1]);
  });

  it('keeps a generator that takes noise and labels', async () => {
    const session = await ort.InferenceSession.create(readFileSync(join(run, 'generator.onnx')));
    expect(session.inputNames).toEqual(expect.arrayContaining(['noise', 'labels']));
    await session.release();
  });
});

describe('the evaluation of a model with classes', () => {
  it('says how many pictures are of the digit that was asked for', async () => {
    const generator =
      '[layers.dense({ units: 784, activation: "tanh" }), layers.reshape({ targetShape: [28, 28, 1] })]';
    const source = ganSource({ image: '[28, 28, 1]', generator, more: 'classes: 10,' });
    const [folder, run] = [temporaryDirectory(), join(temporaryDirectory(), 'run')];
    const sizes = ['--limit', '200', '--batch', '100', '--shard-size', '50', '--epochs', '1', '--evaluate-every', '1'];
    const file = join(folderWith({ 'ten.js': source }), 'ten.js');
    await gantryOk('train', '--model', file, ...sizes, '--workers', '0', '--exit', '--run', run);
    const [line] = readJsonLines<{ labelAgreement: number }>(run, 'evaluations.jsonl');
    expect(line?.labelAgreement).toBeGreaterThanOrEqual(0);
    const options = ['--samples', '200', '--draws', '1', '--features', folder];
    const { stdout } = await gantryOk('evaluate', run, '--json', ...options);
    const { draws, noise } = JSON.parse(stdout) as Record<'draws' | 'noise', { labelAgreement?: number }[]>;
    const logits = readFileSync(join(folder, 'draw-0-logits.npy')).subarray(NPY_HEADER_BYTES);
    const values = new Float32Array(Uint8Array.from(logits).buffer);
    const classOf = (i: number) => {
      const row = values.subarray(i * 10, i * 10 + 10);
      return row.indexOf(Math.max(...row));
    };
    const right = Array.from({ length: 200 }, (_, i) => i).filter((i) => classOf(i) === i % 10).length;
    expect(draws[0]?.labelAgreement).toBeCloseTo(right / 200, 10);
    expect(noise).not.toHaveProperty('labelAgreement');
  });
});

describe('a wrong input is told in one line', () => {
  const trains = (...args: string[]) => [
    'train',
    ...SIZES,
    '--workers',
    '0',
    ...args,
    '--run',
    join(temporaryDirectory(), 'run'),
  ];
  const file = (classes: string) => join(folderWith({ 'my.js': ganSource({ more: `classes: ${classes},` }) }), 'my.js');
  it.each([
    [
      'images without labels',
      () => trains('--model', FILE, ...TINY_DATA),
      /the model 'four' takes labels, and the images have none: put the images into a folder for each class/,
    ],
    [
      'more classes than the model has',
      () => trains('--model', FILE, '--data', labelled(5)),
      /the model 'four' takes labels of 4 classes, and the images are of 5: leave some out/,
    ],
    ['one class', () => trains('--model', file('1'), '--data', DATA), /classes is 1, and has to be how many/],
    [
      'too many classes',
      () => trains('--model', file('257'), '--data', DATA),
      /classes is 257, and has to be how many/,
    ],
    ['no number of classes', () => trains('--model', file('"two"'), '--data', DATA), /classes is "two", and has to be/],
  ])('%s', async (_, args, message) => {
    const { code, stderr } = await gantry(...args());
    expect(stderr).toMatch(message);
    expect([code, stderr.trimEnd().split('\n')]).toEqual([1, [stderr.trimEnd()]]);
  });

  it.each([
    [
      'of a model without classes',
      ['--model', 'tiny', ...TINY_DATA],
      '1',
      /label 1: the model 'tiny' takes no labels: leave/,
    ],
    [
      'beyond the classes',
      ['--model', FILE, '--data', DATA],
      '0,4',
      /label 4: the model 'four' has the classes 0 to 3/,
    ],
  ])('a label %s', async (_, model, label, message) => {
    const run = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...model, ...SIZES, '--epochs', '1', '--workers', '0', '--run', run);
    const out = join(temporaryDirectory(), 'x.png');
    const { code, stderr } = await gantry('generate', run, '--label', label, '--out', out);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

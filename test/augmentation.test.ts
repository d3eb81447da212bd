import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradientName } from '@gantry/core';
import { disposeModel, manifestOf, modelVariables, runPhase, type Model, type Network } from '@gantry/core/tfjs';
import { crossEntropy, diffAugment, gradientPenaltySteps, MIX, onePassStep, type DiffAugment } from '@gantry/models';
import { onEveryEngine, type Numbers } from './support/compiled-function.ts';
import { valuesOf, type Values } from './support/float64-maps.ts';
import { applyInFloat64, type Weights } from './support/float64-network.ts';
import { trainedDigest } from './support/gantry.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { TINY_DATA } from './support/tiny.ts';

const { conv2d, conv2dTranspose, dense, flatten, leakyReLU, reshape } = layers.layers;

const UNIFORMS = 8;

/** The formulae of the paper's program, pixel by pixel, for one image [height,width,channels]. */
function augmentedPlainly(
  image: Float64Array,
  [height = 0, width = 0, channels = 0]: readonly number[],
  [brightness = 0, saturation = 0, contrast = 0, flip = 0, down = 0, right = 0, cutDown = 0, cutRight = 0]: number[],
  { colour, translation = 0, cutout = 0, flip: mayFlip }: DiffAugment,
): Float64Array {
  const at = (row: number, column: number, channel: number) => (row * width + column) * channels + channel;
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
  /** 0 … count − 1, where a uniform may be 1. */
  const whole = (uniform: number, count: number) => Math.min(Math.floor(uniform * count), count - 1);
  let x = image;
  if (colour) {
    x = x.map((value) => value + brightness - 0.5);
    x = x.map((value, i) => {
      const pixel = Math.floor(i / channels) * channels;
      const grey = mean(x.subarray(pixel, pixel + channels));
      return (value - grey) * 2 * saturation + grey;
    });
    const all = mean(x);
    x = x.map((value) => (value - all) * (contrast + 0.5) + all);
  }
  const shiftOf = (side: number, uniform: number) => {
    const most = Math.floor(side * translation + 0.5);
    return whole(uniform, 2 * most + 1) - most;
  };
  const isCut = (place: number, side: number, uniform: number) => {
    const size = Math.floor(side * cutout + 0.5);
    const first = whole(uniform, side + 1 - (size % 2)) - Math.floor(size / 2);
    return place >= first && place < first + size;
  };
  const moved = new Float64Array(x.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [fromRow, unflipped] = [row + shiftOf(height, down), column + shiftOf(width, right)];
      const fromColumn = mayFlip && flip < 0.5 ? width - 1 - unflipped : unflipped;
      const isInside = fromRow >= 0 && fromRow < height && fromColumn >= 0 && fromColumn < width;
      if (!isInside || (isCut(row, height, cutDown) && isCut(column, width, cutRight))) continue;
      for (let channel = 0; channel < channels; channel++) {
        moved[at(row, column, channel)] = x[at(fromRow, fromColumn, channel)] ?? NaN;
      }
    }
  }
  return moved;
}

/** All images [B,height,width,channels] with rows of uniforms. */
function inFloat64({ shape, data }: Values, drawn: Numbers, options: DiffAugment): Values {
  const [samples = 0, ...image] = shape;
  const size = data.length / samples;
  const all = Array.from({ length: samples }, (_, i) => [
    ...augmentedPlainly(
      data.subarray(i * size, (i + 1) * size),
      image,
      [...drawn.data.subarray(i * UNIFORMS, (i + 1) * UNIFORMS)],
      options,
    ),
  ]);
  return valuesOf(shape, Float64Array.from(all.flat()));
}

function numbers(shape: readonly number[], seed: number): Numbers {
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => Math.sin(seed * (i + 1)));
  return { shape, data };
}

/** Uniforms that are spread, and in the first rows their ends. */
function uniforms(samples: number): Numbers {
  const data = Float32Array.from({ length: samples * UNIFORMS }, (_, i) => ((i + 1) * 0.6180339887) % 1);
  data.fill(2 ** -33, 0, UNIFORMS).fill(1, UNIFORMS, 2 * UNIFORMS);
  return { shape: [samples, UNIFORMS], data };
}

const valuesIn = ({ shape, data }: Numbers): Values => valuesOf(shape, data);

function expectClose(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>, most: number, what: string) {
  const largest = Math.max(...Array.from(expected, Math.abs), 1e-3);
  const errors = Array.from(expected, (value, i) => Math.abs((actual?.[i] ?? NaN) - value) / largest);
  const wrong = errors.findIndex((error) => !(error < most));
  expect(wrong, `${what}: the first place that is wrong`).toBe(-1);
}

const OPTIONS: readonly DiffAugment[] = [
  {},
  { colour: true },
  { translation: 0.125 },
  { translation: 0.5 },
  { flip: true },
  { cutout: 0.5 },
  { cutout: 0.25, translation: 0.25 },
  { colour: true, translation: 0.125, cutout: 0.5, flip: true },
];

describe('diffAugment', () => {
  const samples = 9;
  const cases = OPTIONS.flatMap((options) => [1, 3].map((channels) => ({ options, channels })));

  it.each(cases)(
    'has the values and gradients of the formulae: $options of $channels',
    async ({ options, channels }) => {
      const shape = [samples, 6, 9, channels];
      const [images, drawn, weights] = [numbers(shape, 3), uniforms(samples), numbers(shape, 0.7)];
      const augmentation = diffAugment(options);
      const computed = await onEveryEngine(
        ({ images: x, drawn: rows, weights: factors }) => {
          const judged = (of: tf.Tensor) =>
            tf.sum(tf.mul(augmentation.apply(of, rows as tf.Tensor), factors as tf.Tensor));
          return {
            changed: augmentation.apply(x as tf.Tensor, rows as tf.Tensor).clone(),
            gradient: tf.grad(judged)(x as tf.Tensor),
          };
        },
        { images, drawn, weights },
        {},
      );
      const expected = inFloat64(valuesIn(images), drawn, options).data;
      // It is affine in each image: differences of any size are its derivatives.
      const sumAt = (pixel: number, value: number) => {
        const { data } = valuesIn(images);
        data[pixel] = value;
        return inFloat64(valuesOf(shape, data), drawn, options).data.reduce((sum, x, i) => {
          return sum + x * (weights.data[i] ?? NaN);
        }, 0);
      };
      const gradient = Array.from(images.data, (_, pixel) => sumAt(pixel, 1) - sumAt(pixel, 0));
      for (const [engine, outputs] of Object.entries(computed)) {
        expectClose(outputs['changed'], expected, 1e-6, `value, ${engine}`);
        expectClose(outputs['gradient'], gradient, 1e-6, `gradient, ${engine}`);
      }
    },
  );

  it('moves pixels without changing a bit of them', async () => {
    const shape = [samples, 8, 8, 1];
    const [images, drawn] = [numbers(shape, 3), uniforms(samples)];
    const options = { translation: 0.25, flip: true };
    const augmentation = diffAugment(options);
    const computed = await onEveryEngine(
      (inputs) => ({ moved: augmentation.apply(inputs['images'] as tf.Tensor, inputs['drawn'] as tf.Tensor) }),
      { images, drawn },
      {},
    );
    const expected = [...inFloat64(valuesIn(images), drawn, options).data];
    for (const { moved } of Object.values(computed)) expect(Array.from(moved ?? [], (x) => x + 0)).toEqual(expected);
  });
});

const IMAGE = [4, 4, 1];
const AUGMENTED: DiffAugment = { colour: true, translation: 0.25, cutout: 0.25, flip: true };

function smallModel(phases: Model['phases']): Model {
  return {
    name: 'small',
    networks: {
      generator: layers.sequential({
        name: 'generator',
        layers: [
          dense({ name: 'first', units: 8, activation: 'tanh', inputShape: [3] }),
          reshape({ targetShape: [2, 2, 2] }),
          conv2dTranspose({ name: 'last', filters: 1, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' }),
        ],
      }),
      discriminator: layers.sequential({
        name: 'discriminator',
        layers: [
          conv2d({ name: 'first', filters: 3, kernelSize: 3, strides: 2, padding: 'same', inputShape: IMAGE }),
          leakyReLU({ alpha: 0.2 }),
          flatten(),
          dense({ name: 'last', units: 1 }),
        ],
      }),
    },
    data: { images: IMAGE },
    draws: { noise: { from: 'normal', shape: [3] }, mix: MIX, ...diffAugment(AUGMENTED).draws },
    phases,
    preview: { draw: 'noise', network: 'generator' },
  };
}

describe('a phase with an augmentation', () => {
  const augmentation = diffAugment(AUGMENTED);
  const samples = 4;
  const [drawnReal, drawnFake] = [uniforms(samples), uniforms(samples)];
  drawnFake.data.reverse();
  const inputs = {
    images: numbers([samples, ...IMAGE], 3),
    noise: numbers([samples, 3], 5),
    mix: { shape: [samples, 1], data: new Float32Array(samples).fill(0.5) },
    augmentReal: drawnReal,
    augmentFake: drawnFake,
  };

  it.each([
    ['onePassStep', [onePassStep(crossEntropy, { augmentation })]],
    // The penalty itself is another test's.
    ['gradientPenaltySteps', gradientPenaltySteps({ loss: crossEntropy, weight: 0, augmentation })],
  ])('has the gradients that differences give: %s', async (_, phases) => {
    const model = smallModel(phases);
    expect(manifestOf(model).phases[0]?.inputs.map(({ name }) => name)).toEqual(Object.keys(inputs));
    const variables = modelVariables(model, true);
    variables.forEach(({ variable }, i) => {
      const { data, shape } = numbers(variable.shape, i + 2);
      tf.tidy(() => variable.assign(tf.tensor(data, [...shape])));
    });
    const weights: Weights = Object.fromEntries(
      variables.map(({ name, variable }) => [name, valuesOf(variable.shape, variable.dataSync())]),
    );
    const apply = (name: string, x: Values) => applyInFloat64(model.networks[name] as Network, weights, x);
    const softplus = (of: Float64Array, sign: number) => of.reduce((sum, x) => sum + Math.log1p(Math.exp(sign * x)), 0);
    const fakeLogits = () => {
      const made = apply('generator', valuesIn(inputs.noise));
      return apply('discriminator', inFloat64(made, drawnFake, AUGMENTED)).data;
    };
    const losses: Record<string, () => number> = {
      generator: () => softplus(fakeLogits(), -1),
      discriminator: () => {
        const real = apply('discriminator', inFloat64(valuesIn(inputs.images), drawnReal, AUGMENTED)).data;
        return softplus(real, -1) + softplus(fakeLogits(), 1);
      },
    };
    const named = Object.fromEntries(variables.map(({ name, variable }) => [name, variable]));
    for (const phase of phases) {
      const computed = await onEveryEngine((tensors) => runPhase(model, phase, tensors), inputs, named);
      for (const [engine, outputs] of Object.entries(computed)) {
        for (const network of phase.updates) {
          const loss = losses[network] as () => number;
          expectClose(outputs[`${network}Loss`], [loss()], 1e-5, `${network}, ${engine}`);
          for (const [name, { data }] of Object.entries(weights)) {
            if (!name.startsWith(`${network}/`)) continue;
            const gradient = Array.from(data, (value, i) => {
              data[i] = value + 1e-5;
              const above = loss();
              data[i] = value - 1e-5;
              const below = loss();
              data[i] = value;
              return (above - below) / 2e-5;
            });
            expectClose(outputs[gradientName(name)], gradient, 1e-4, `${name}, ${engine}`);
          }
        }
      }
    }
    disposeModel(model);
  });

  it('gives the same bits by any workers, and others than without', async () => {
    const source = (phases: string) =>
      ganSource({
        imports: [
          "import { crossEntropy, defineGan, diffAugment, gradientPenaltySteps, layers, MIX, onePassStep } from 'gantry';",
          'const augmentation = diffAugment({ colour: true, translation: 0.125, cutout: 0.25, flip: true });',
        ].join('\n'),
        more: `draws: { mix: MIX, ...augmentation.draws }, phases: ${phases},`,
      });
    const folder = folderWith({
      'step.ts': source('onePassStep(crossEntropy, { augmentation })'),
      'penalty.ts': source('gradientPenaltySteps({ criticRounds: 2, augmentation })'),
      'plain.ts': source('onePassStep(crossEntropy)'),
    });
    const digest = (file: string, workers: number) => {
      const given = [
        ...TINY_DATA,
        '--limit',
        '96',
        '--batch',
        '24',
        '--shard-size',
        '8',
        '--epochs',
        '1',
        '--seed',
        '7',
      ];
      return trainedDigest('--model', join(folder, file), ...given, '--workers', String(workers), '--exit');
    };
    for (const file of ['step.ts', 'penalty.ts']) {
      const alone = await digest(file, 0);
      expect(await digest(file, 1)).toBe(alone);
      expect(await digest(file, 3)).toBe(alone);
    }
    expect(await digest('plain.ts', 0)).not.toBe(await digest('step.ts', 0));
  });
});

import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { gradientName } from '@gantry/core';
import { disposeModel, modelVariables, runPhase, type Model, type Network } from '@gantry/core/tfjs';
import { crossEntropy, gradientPenaltySteps, MIX, wasserstein, type GanLoss } from '@gantry/models';
import { onEveryEngine, type Numbers } from './support/compiled-function.ts';
import { valuesOf, type Values } from './support/float64-maps.ts';
import { applyInFloat64, type Weights } from './support/float64-network.ts';

const { conv2d, conv2dTranspose, dense, flatten, layerNormalization, leakyReLU, reshape } = layers.layers;

const SAMPLES = 3;
const IMAGE = [4, 4, 1];
const PIXELS = 16;
const WEIGHT = 10;
/** Below which a slope is kept from 0, as the phases have it. */
const TINY = 1e-12;

/** Few weights, but the kinds of layers that such a GAN has. */
function smallModel(loss: GanLoss): Model {
  return {
    name: 'small',
    networks: {
      generator: layers.sequential({
        name: 'generator',
        layers: [
          dense({ name: 'first', units: 8, activation: 'relu', inputShape: [3] }),
          reshape({ targetShape: [2, 2, 2] }),
          conv2dTranspose({ name: 'last', filters: 1, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' }),
        ],
      }),
      discriminator: layers.sequential({
        name: 'discriminator',
        layers: [
          conv2d({ name: 'first', filters: 3, kernelSize: 3, strides: 2, padding: 'same', inputShape: IMAGE }),
          layerNormalization({ name: 'norm' }),
          leakyReLU({ alpha: 0.2 }),
          conv2d({ name: 'second', filters: 2, kernelSize: 2, activation: 'tanh' }),
          flatten(),
          dense({ name: 'last', units: 1 }),
        ],
      }),
    },
    data: { images: IMAGE },
    draws: { noise: { from: 'normal', shape: [3] }, mix: MIX },
    phases: gradientPenaltySteps({ loss, weight: WEIGHT, criticRounds: 2 }),
    preview: { draw: 'noise', network: 'generator' },
  };
}

function numbers(shape: readonly number[], seed: number): Numbers {
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => Math.sin(seed * (i + 1)));
  return { shape, data };
}

const inputs: Record<'images' | 'noise' | 'mix', Numbers> = {
  images: numbers([SAMPLES, ...IMAGE], 3),
  noise: numbers([SAMPLES, 3], 5),
  mix: { shape: [SAMPLES, 1], data: Float32Array.of(0.25, 0.5, 0.875) },
};
const inFloat64 = ({ shape, data }: Numbers): Values => valuesOf(shape, data);

/** The losses of one logit, in double precision. */
const LOSSES: readonly { name: string; of: GanLoss; real: Scalar; fake: Scalar; generator: Scalar }[] = [
  { name: 'Wasserstein', of: wasserstein, real: (x) => -x, fake: (x) => x, generator: (x) => -x },
  {
    name: 'cross-entropy',
    of: crossEntropy,
    real: (x) => Math.log1p(Math.exp(-x)),
    fake: (x) => Math.log1p(Math.exp(x)),
    generator: (x) => Math.log1p(Math.exp(-x)),
  },
];
type Scalar = (logit: number) => number;
type Loss = (typeof LOSSES)[number];

const sumOf = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

/** The change of `of` with one number, by differences. */
function derivative(values: Float64Array, i: number, step: number, of: () => number): number {
  const value = values[i] ?? NaN;
  values[i] = value + step;
  const above = of();
  values[i] = value - step;
  const below = of();
  values[i] = value;
  return (above - below) / (2 * step);
}

/** Both losses, with the slope of the discriminator by differences. */
class InFloat64 {
  readonly weights: Weights;
  readonly #model: Model;
  readonly #loss: Loss;

  constructor(model: Model, loss: Loss) {
    this.#model = model;
    this.#loss = loss;
    this.weights = Object.fromEntries(
      modelVariables(model, true).map(({ name, variable }) => [name, valuesOf(variable.shape, variable.dataSync())]),
    );
  }

  #apply(network: string, x: Values): Values {
    return applyInFloat64(this.#model.networks[network] as Network, this.weights, x);
  }

  /** Of each sample. */
  #slopes(at: Values): number[] {
    const squares = new Float64Array(SAMPLES);
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      const moved = (by: number) =>
        this.#apply(
          'discriminator',
          valuesOf(
            at.shape,
            at.data.map((x, i) => (i % PIXELS === pixel ? x + by : x)),
          ),
        ).data;
      const [above, below] = [moved(1e-5), moved(-1e-5)];
      for (let i = 0; i < SAMPLES; i++) {
        squares[i] = (squares[i] ?? NaN) + (((above[i] ?? NaN) - (below[i] ?? NaN)) / 2e-5) ** 2;
      }
    }
    return [...squares].map((square) => Math.sqrt(square + TINY));
  }

  critic(): Record<'discriminatorLoss' | 'distance' | 'slope', number> {
    const [images, mix] = [inFloat64(inputs.images), inFloat64(inputs.mix)];
    const fakes = this.#apply('generator', inFloat64(inputs.noise));
    const between = images.data.map((x, i) => {
      const share = mix.data[Math.floor(i / PIXELS)] ?? NaN;
      return share * x + (1 - share) * (fakes.data[i] ?? NaN);
    });
    const [real, fake] = [images, fakes].map((of) => this.#apply('discriminator', of).data) as [
      Float64Array,
      Float64Array,
    ];
    const slopes = this.#slopes(valuesOf(images.shape, between));
    const judgement = sumOf(real.map(this.#loss.real)) + sumOf(fake.map(this.#loss.fake));
    return {
      discriminatorLoss: judgement + WEIGHT * sumOf(slopes.map((slope) => (slope - 1) ** 2)),
      distance: sumOf(real) - sumOf(fake),
      slope: sumOf(slopes),
    };
  }

  generator(): Record<'generatorLoss', number> {
    const fakes = this.#apply('generator', inFloat64(inputs.noise));
    return { generatorLoss: sumOf(this.#apply('discriminator', fakes).data.map(this.#loss.generator)) };
  }

  gradientsOf(network: string, of: () => number): Record<string, number[]> {
    return Object.fromEntries(
      Object.entries(this.weights)
        .filter(([name]) => name.startsWith(`${network}/`))
        .map(([name, { data }]) => [gradientName(name), Array.from(data, (_, i) => derivative(data, i, 1e-4, of))]),
    );
  }
}

function expectClose(actual: ArrayLike<number> | undefined, expected: readonly number[], what: string): void {
  const largest = Math.max(...expected.map(Math.abs), 1e-3);
  expected.forEach((value, i) => {
    expect(Math.abs((actual?.[i] ?? NaN) - value) / largest, `${what} [${i}]`).toBeLessThan(1e-4);
  });
}

describe('a gradient penalty', () => {
  it.each(LOSSES)('has the gradients that differences give: $name', async (loss) => {
    const model = smallModel(loss.of);
    const variables = modelVariables(model, true);
    variables.forEach(({ variable, name }, i) => {
      const { data } = numbers(variable.shape, i + 2);
      if (name.endsWith('gamma')) data.forEach((value, j) => (data[j] = 1 + value / 4));
      tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
    });
    const named = Object.fromEntries(variables.map(({ name, variable }) => [name, variable]));
    const reference = new InFloat64(model, loss);
    for (const phase of model.phases) {
      const isCritic = phase.name === 'critic';
      const sums: Record<string, number> = isCritic ? reference.critic() : reference.generator();
      const gradients = isCritic
        ? reference.gradientsOf('discriminator', () => reference.critic().discriminatorLoss)
        : reference.gradientsOf('generator', () => reference.generator().generatorLoss);
      const computed = await onEveryEngine((tensors) => runPhase(model, phase, tensors), inputs, named);
      for (const [engine, outputs] of Object.entries(computed)) {
        expect(Object.keys(outputs).toSorted()).toEqual([...Object.keys(sums), ...Object.keys(gradients)].toSorted());
        for (const [name, sum] of Object.entries(sums)) expectClose(outputs[name], [sum], `${name}, ${engine}`);
        for (const [name, gradient] of Object.entries(gradients)) {
          expectClose(outputs[name], gradient, `${phase.name}: ${name}, ${engine}`);
        }
      }
    }
    disposeModel(model);
  });
});

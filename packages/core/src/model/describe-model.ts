import type * as layers from '@tensorflow/tfjs-layers';
import { GantryError } from '../errors.ts';
import { disposeModels, createModels, movingStatisticVariables, trainableVariables, type Models } from './model.ts';
import { dropoutsOf, requireSupported, type DropoutLayer, type ModelVariable } from './network-layers.ts';
import { layOutManifest, type ModelManifest, type StepInput } from './manifest.ts';
import { Stream } from '../numerics/random.ts';

/** What `trainingStep` reports. */
const SUMS = ['generatorLoss', 'discriminatorLoss', 'dReal', 'dFake'] as const;

/**
 * The manifest of the given models.
 * @throws GantryError E_CONFIG that names the layer which is not supported
 */
export function manifestOf(models: Models): ModelManifest {
  const { generator, discriminator } = models;
  requireSupported(generator);
  requireSupported(discriminator);
  requireIndependentSamples(discriminator);
  return layOutManifest({
    trainable: trainableVariables(models).map(parameterOf),
    movingStatistics: movingStatisticVariables(models).map((each) => ({
      ...parameterOf(each),
      momentum: each.momentum ?? NaN,
    })),
    inputs: [
      { name: 'images', shape: sampleShape(discriminator), from: 'data' },
      { name: 'noise', shape: sampleShape(generator), from: 'normal', streams: [Stream.noise] },
      ...masksOf(models),
    ],
    sums: SUMS,
  });
}

/** The manifest of freshly made models. */
export function modelManifest(): ModelManifest {
  const models = createModels();
  try {
    return manifestOf(models);
  } finally {
    disposeModels(models);
  }
}

function parameterOf({ name, variable, initializer }: ModelVariable) {
  return { name, shape: variable.shape, initializer };
}

function sampleShape(network: layers.Sequential): number[] {
  return network.inputs[0]?.shape.slice(1) as number[];
}

/** The discriminator sees real samples and fake ones, the generator's dropouts fake ones only. */
function masksOf({ generator, discriminator }: Models): StepInput[] {
  const judging = dropoutsOf(discriminator);
  const maskOf = ({ mask, shape, rate }: DropoutLayer, streams: number[]): StepInput => {
    return { name: mask, shape, from: 'keepMask', rate, streams };
  };
  return [
    ...judging.map((each, i) => maskOf(each, [dropoutStream(i), dropoutStream(i) + 1])),
    ...dropoutsOf(generator).map((each, i) => maskOf(each, [dropoutStream(judging.length + i)])),
  ];
}

/** The first of the two streams of a dropout. @param number from 0 over all networks */
function dropoutStream(number: number): number {
  return [Stream.dropout1, Stream.dropout2][number] ?? Stream.furtherDropouts + 2 * (number - 2);
}

/** One backward pass serves both networks only where the discriminator judges each sample by itself. */
function requireIndependentSamples(discriminator: layers.Sequential): void {
  const coupling = discriminator.layers.find((layer) => layer.getClassName() === 'BatchNormalization');
  if (!coupling) return;
  throw new GantryError(
    'E_CONFIG',
    `layer discriminator/${coupling.name} (BatchNormalization): a discriminator must not couple samples, as one backward pass serves both networks`,
  );
}

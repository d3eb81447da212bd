import { compile } from '@gantry/compiler';
import {
  GantryError,
  classesOf,
  networkNamed,
  networkOf,
  type BatchNorm,
  type NetworkManifest,
  type Parameter,
} from '@gantry/core';
import {
  applyInTraining,
  conditioned,
  manifestOf,
  variablesOf,
  type Model,
  type ModelVariable,
} from '@gantry/core/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';

/** Pictures that are drawn at a time where there are thousands: a third faster than sixteen. */
export const EVALUATION_BATCH = 64;

/** Pictures by which statistics are recalibrated at a time: as many as a shard has. */
export const RECALIBRATION_BATCH = 64;

/** How a model's pictures are made, as data: it can be sent to another thread. */
export interface PictureSource {
  readonly network: NetworkManifest;
  /** Of that network. */
  readonly trainable: readonly Parameter[];
  readonly movingStatistics: readonly Parameter[];
  /** Of one picture. */
  readonly noiseShape: readonly number[];
  readonly imageShape: readonly number[];
  /** Of a model that draws what is asked for: how many classes it knows. */
  readonly classes?: number | undefined;
  /** Pictures in one run of the programs. */
  readonly batch: number;
  /** ONNX: `noise` [batch,...], one-hot `labels` [batch,classes] where there are classes, and the network's numbers to `images` [batch,...], in inference mode. */
  readonly draw: Uint8Array;
  /**
   * ONNX: `noise` [RECALIBRATION_BATCH,...], labels and weights to the statistics of each batch normalization, under their names; absent:
   * they stay as they are.
   */
  readonly recalibrate?: Uint8Array;
}

/**
 * Compiles what makes a model's pictures.
 * @param batch pictures in one run
 * @throws GantryError E_CONFIG for recalibrated statistics of a network with dropout
 * @throws TypeError if the model's preview names what it does not have, or no normals
 */
export function pictureSource(model: Model, batch: number, batchNorm: BatchNorm = 'moving'): PictureSource {
  const { network, noiseShape, imageShape } = previewOf(model);
  const manifest = manifestOf(model);
  const own = (parameters: readonly Parameter[]) => parameters.filter((each) => networkOf(each) === network.name);
  const movingStatistics = own(manifest.movingStatistics);
  return {
    network: networkNamed(manifest, network.name),
    trainable: own(manifest.trainable),
    movingStatistics,
    noiseShape,
    imageShape,
    classes: classesOf(manifest),
    batch,
    draw: compileGenerator(model, batch),
    // A network without batch normalization has none.
    ...(batchNorm === 'recalibrated' && movingStatistics.length > 0 && { recalibrate: compileStatistics(model) }),
  };
}

/**
 * Compiles the network that makes pictures, in inference mode: `noise` [samples,...], `labels` [samples,classes] where the
 * model has classes, and its weights to `images` [samples,...].
 */
export function compileGenerator(model: Model, samples: number): Uint8Array {
  const { network } = previewOf(model);
  const variables = [...variablesOf(network, true), ...variablesOf(network, false)];
  return compileNetwork(model, samples, variables, (input) => ({ images: network.predict(input) as Tensor }));
}

/** Compiles it in training mode: noise and weights to the batch statistics of its batch normalizations. */
function compileStatistics(model: Model): Uint8Array {
  const { network } = previewOf(model);
  if (network.layers.some((layer) => layer.getClassName() === 'Dropout')) {
    throw new GantryError('E_CONFIG', `${network.name} has dropout: its statistics cannot be recalibrated`);
  }
  const variables = variablesOf(network, true);
  return compileNetwork(model, RECALIBRATION_BATCH, variables, (input) => {
    return applyInTraining(network, input, {}).statistics;
  });
}

function compileNetwork(
  model: Model,
  samples: number,
  variables: readonly ModelVariable[],
  fn: (input: Tensor) => Record<string, Tensor>,
): Uint8Array {
  const { noiseShape } = previewOf(model);
  const { classes } = model;
  return compile(({ noise, labels }) => fn(conditioned(noise as Tensor, labels)), {
    inputs: {
      noise: { shape: [samples, ...noiseShape] },
      ...(classes !== undefined && { labels: { shape: [samples, classes] } }),
    },
    variables: Object.fromEntries(variables.map(({ name, variable }) => [name, variable])),
  }).onnx;
}

/** How a model's pictures are made. @throws TypeError if its preview names what it does not have, or no normals */
function previewOf({ preview, draws, networks }: Model) {
  const [draw, network] = [draws[preview.draw], networks[preview.network]];
  if (!draw || !network) throw new TypeError('the preview names no draw or network of the model');
  if (draw.from !== 'normal') throw new TypeError(`pictures are made from normals, and '${preview.draw}' are uniforms`);
  return { network, noiseShape: draw.shape, imageShape: network.outputShape.slice(1) as number[] };
}

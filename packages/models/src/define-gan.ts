import type { layers } from '@tensorflow/tfjs-layers';
import { GantryError } from '@gantry/core';
import type { DrawSpec, Model, Phase } from '@gantry/core/tfjs';
import { networkOfLayers } from './network-of-layers.ts';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

/** A network beside the generator and the discriminator. */
export interface FurtherNetwork {
  /** Shape of one sample that comes in. */
  readonly input: readonly number[];
  /** Shape of what it makes of one sample. */
  readonly output: readonly number[];
  /** Makes the layers, anew at each call. */
  readonly layers: () => readonly layers.Layer[];
}

/** What a GAN of one's own is made of. */
export interface GanDefinition {
  /** What runs call it. Default: the name of the file that defines it. */
  readonly name?: string;
  /** Of one image: [height, width, channels], where 1 channel is grey and 3 are colours. */
  readonly image: readonly number[];
  /** Normals of which one image is made. */
  readonly noise: number;
  /**
   * How many classes the images are of, 2 … 256: both networks then get the label, so that a class can be asked for. Default: none.
   * Behind the noise the generator gets as many numbers more, behind its channels the discriminator as many maps.
   */
  readonly classes?: number;
  /**
   * Makes the layers, anew at each call: noise [B,noise] → images [B,height,width,channels] in [−1, 1]. The first one needs no
   * inputShape; layers without a name are called `dense1`, `dense2` and so on.
   */
  readonly generator: () => readonly layers.Layer[];
  /** Makes the layers, anew at each call: images [B,height,width,channels] → one logit for each [B,1]. */
  readonly discriminator: () => readonly layers.Layer[];
  /** Further networks by their names, such as an encoder: for phases of one's own. */
  readonly networks?: Readonly<Record<string, FurtherNetwork>>;
  /** What a step does, from `onePassStep`, `gradientPenaltySteps` or a hand of one's own. Default: `onePassStep(crossEntropy)`. */
  readonly phases?: Phase | readonly Phase[];
  /** What the phases draw besides `noise`, such as `{ mix: MIX }`. */
  readonly draws?: Readonly<Record<string, DrawSpec>>;
}

/** What `defineGan` gives: it makes the model whenever one is needed. */
export class Gan {
  /** Absent: it has that of its file. */
  readonly name: string | undefined;
  readonly #definition: GanDefinition;

  /** Use `defineGan`. */
  constructor(definition: GanDefinition) {
    this.name = definition.name;
    this.#definition = definition;
  }

  /**
   * A fresh instance.
   * @param name where the definition has none
   * @throws GantryError E_CONFIG that names the network, the layer and the shapes that do not fit
   */
  model(name: string): Model {
    const { image, noise, classes, networks = {}, draws = {}, phases = onePassStep(crossEntropy) } = this.#definition;
    const [labels = 0, [height = 0, width = 0, channels = 0]] = [classes, image];
    const generator = networkOfLayers('generator', [noise + labels], this.#definition.generator, {
      shape: image,
      meaning: 'an image',
      remedy: 'change that layer, or image',
    });
    const judged = [height, width, channels + labels];
    const discriminator = networkOfLayers('discriminator', judged, this.#definition.discriminator, {
      shape: [1],
      meaning: 'one logit for each image',
      remedy: 'end with layers.flatten() and layers.dense({ units: 1 })',
    });
    const further = Object.entries(networks).map(([called, { input, output, layers: make }]) => [
      called,
      networkOfLayers(called, input, make, {
        shape: output,
        meaning: 'its output',
        remedy: `change that layer, or networks.${called}.output`,
      }),
    ]);
    return {
      name: this.name ?? name,
      networks: { generator, discriminator, ...Object.fromEntries(further) },
      data: { images: image },
      ...(classes !== undefined && { classes }),
      draws: { noise: { from: 'normal', shape: [noise] }, ...draws },
      phases: [phases].flat(),
      preview: { draw: 'noise', network: 'generator' },
    };
  }
}

/**
 * Defines a GAN for `gantry train --model FILE`, as the default export of that file, or for `train({ model })`.
 * @throws GantryError E_CONFIG that names the field at fault
 */
export function defineGan(definition: GanDefinition): Gan {
  requireDefinition(definition);
  return new Gan(definition);
}

const FIELDS = ['name', 'image', 'noise', 'classes', 'generator', 'discriminator', 'networks', 'phases', 'draws'];
const DRAWN = ['normal', 'uniform'];
const MAX_SIDE = 4096;
const MAX_NOISE = 65_536;
/** A label travels as one byte. */
const MAX_CLASSES = 256;

/** It comes from files without types, too. */
function requireDefinition(definition: unknown): asserts definition is GanDefinition {
  if (!isRecord(definition)) throw wrong(`it takes an object, and was given ${shown(definition)}`);
  const { name, image, noise, classes, networks = {}, phases, draws = {} } = definition;
  const unknown = Object.keys(definition).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) throw wrong(`it takes no '${unknown}': there are ${FIELDS.join(', ')}`);
  if (name !== undefined && typeof name !== 'string') throw wrong(`name is ${shown(name)}, and has to be a text`);
  if (!isImage(image)) {
    throw wrong(
      `image is ${shown(image)}, and has to be [height, width, 1] for grey or [height, width, 3] for colours`,
    );
  }
  if (!isWhole(noise, MAX_NOISE)) {
    throw wrong(`noise is ${shown(noise)}, and has to be how many numbers an image is made of, from 1 to ${MAX_NOISE}`);
  }
  if (classes !== undefined && (classes === 1 || !isWhole(classes, MAX_CLASSES))) {
    const expected = `how many classes the images are of, from 2 to ${MAX_CLASSES}, or left out`;
    throw wrong(`classes is ${shown(classes)}, and has to be ${expected}`);
  }
  for (const network of ['generator', 'discriminator']) {
    const made = definition[network];
    if (typeof made === 'function') continue;
    throw wrong(`${network} is ${shown(made)}, and has to be a function that makes its layers: () => [ … ]`);
  }
  if (!isRecord(networks)) throw wrong(`networks is ${shown(networks)}, and has to be { encoder: { … } }`);
  for (const [called, network] of Object.entries(networks)) requireNetwork(called, network);
  if (phases !== undefined && ![phases].flat().every(isPhase)) {
    throw wrong('phases have to be what onePassStep or gradientPenaltySteps give, or alike');
  }
  const bad = isRecord(draws) ? Object.entries(draws).find(([, draw]) => !isDraw(draw))?.[0] : '';
  if (bad !== undefined) throw wrong(`draws.${bad} has to be like { from: 'normal' or 'uniform', shape: [1] }`);
}

function requireNetwork(name: string, network: unknown): void {
  if (name === 'generator' || name === 'discriminator') throw wrong(`networks.${name}: it is a field of its own`);
  // It begins the names of parameters and of files.
  if (!/^[A-Za-z][\w-]{0,49}$/.test(name)) {
    throw wrong(`networks has the name ${JSON.stringify(name)}: a letter, and then letters, digits, _ and -`);
  }
  const form = '{ input: [28, 28, 1], output: [100], layers: () => [ … ] }';
  if (!isRecord(network)) throw wrong(`networks.${name} is ${shown(network)}, and has to be ${form}`);
  const unknown = Object.keys(network).find((key) => !['input', 'output', 'layers'].includes(key));
  if (unknown !== undefined) throw wrong(`networks.${name} takes no '${unknown}', and has to be ${form}`);
  for (const side of ['input', 'output']) {
    if (isShape(network[side])) continue;
    throw wrong(`networks.${name}.${side} is ${shown(network[side])}, and has to be the shape of one sample: [100]`);
  }
  if (typeof network['layers'] === 'function') return;
  throw wrong(`networks.${name}.layers is ${shown(network['layers'])}, and has to be a function: () => [ … ]`);
}

const isShape = (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every((side) => isWhole(side, MAX_NOISE));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isWhole = (value: unknown, most: number) =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;

function isImage(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [height, width, channels] = value as unknown[];
  return isWhole(height, MAX_SIDE) && isWhole(width, MAX_SIDE) && (channels === 1 || channels === 3);
}

const isPhase = (value: unknown) =>
  isRecord(value) &&
  typeof value['name'] === 'string' &&
  Array.isArray(value['updates']) &&
  Array.isArray(value['reports']) &&
  typeof value['gradients'] === 'function';

const isDraw = (value: unknown) =>
  isRecord(value) &&
  DRAWN.includes(String(value['from'])) &&
  Array.isArray(value['shape']) &&
  value['shape'].every((side) => isWhole(side, MAX_NOISE));

/** A value for a message of one line. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'function') return 'a function';
  return (JSON.stringify(value) ?? typeof value).slice(0, 60);
}

function wrong(problem: string): GantryError {
  return new GantryError('E_CONFIG', `defineGan: ${problem}`);
}

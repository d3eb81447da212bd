import { layers, sequential, type Sequential } from '@tensorflow/tfjs-layers';
import { GantryError, sizeOf } from '@gantry/core';

type Layer = layers.Layer;

/** What the last layer of a network has to give. */
export interface Expected {
  /** Of one sample. */
  readonly shape: readonly number[];
  /** In words. */
  readonly meaning: string;
  readonly remedy: string;
}

/**
 * Makes a network of a list of layers, and checks each against what comes to it.
 * @param input shape of one sample
 * @param make gives fresh layers at each call
 * @throws GantryError E_CONFIG that names network, layer and shapes
 */
export function networkOfLayers(
  name: string,
  input: readonly number[],
  make: () => readonly Layer[],
  expected: Expected,
): Sequential {
  const list: unknown = make();
  if (!Array.isArray(list) || list.length === 0) {
    throw wrong(
      `${name} has to give a list of layers, and gives ${Array.isArray(list) ? 'an empty one' : typeof list}`,
    );
  }
  const network = sequential({ name });
  const names = new LayerNames();
  let shape = input;
  let last = name;
  for (const [i, layer] of (list as unknown[]).entries()) {
    if (!(layer instanceof layers.Layer)) {
      throw wrong(
        `${name}: number ${i + 1} of its list is no layer: expected what layers of 'gantry' give, as layers.dense(…)`,
      );
    }
    last = names.give(layer, name);
    addLayer(network, layer, last, shape);
    const given = layer.outputShape.slice(1) as number[];
    if (given.some((side) => !(side > 0))) {
      throw wrong(`${last}: nothing is left of its input, it gives ${sides(given)}`);
    }
    // tfjs looks at that only when it computes.
    if (layer.getClassName() === 'Reshape' && sizeOf(given) !== sizeOf(shape)) {
      throw wrong(`${last}: it cannot make ${sides(given)} of ${sides(shape)}, which are other numbers of values`);
    }
    shape = given;
  }
  if (shape.join() !== expected.shape.join()) {
    const wanted = `${sides(expected.shape)}, ${expected.meaning}, was expected`;
    throw wrong(`${last}: ${name} ends with ${sides(shape)} where ${wanted}: ${expected.remedy}`);
  }
  if (network.countParams() === 0) throw wrong(`${name} has no layer with weights, so there is nothing to train`);
  return network;
}

/** @param called the layer in words @param shape what comes to it */
function addLayer(network: Sequential, layer: Layer, called: string, shape: readonly number[]): void {
  if (layer.built || layer.inboundNodes.length > 0) {
    throw wrong(`${called}: it is in use already: make every layer inside the function, and use it once`);
  }
  if (network.layers.some(({ name }) => name === layer.name)) throw wrong(`${called}: another layer has the same name`);
  if (network.layers.length === 0) {
    const own = layer.batchInputShape?.slice(1);
    if (own && own.join() !== shape.join()) {
      throw wrong(`${called}: its inputShape is ${sides(own)}, and it gets ${sides(shape)}: leave inputShape out`);
    }
    layer.batchInputShape = [null, ...shape];
  }
  try {
    network.add(layer);
  } catch (cause) {
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new GantryError('E_CONFIG', `${called}: it cannot take ${sides(shape)}: ${reason}`, { cause });
  }
}

/** Gives names to layers that have none: tfjs numbers them through the process, and weights are known by their layers' names. */
class LayerNames {
  readonly #given = new Map<string, number>();

  /** @returns the layer in words */
  give(layer: Layer, network: string): string {
    const kind = layer.getClassName();
    if (new RegExp(`_${kind}\\d+$`).test(layer.name)) {
      const number = (this.#given.get(kind) ?? 0) + 1;
      this.#given.set(kind, number);
      layer.name = `${kind[0]?.toLowerCase()}${kind.slice(1)}${number}`;
    }
    return `layer ${network}/${layer.name} (${kind})`;
  }
}

/** A shape for people: 32×32×3. */
function sides(shape: readonly (number | null)[]): string {
  return shape.join('×');
}

function wrong(problem: string): GantryError {
  return new GantryError('E_CONFIG', problem);
}

import * as tf from '@tensorflow/tfjs-core';
import { GantryError } from '../errors.ts';
import { namingLayer } from './gradients.ts';
import { gradientName } from './manifest.ts';
import type { Network, NetworkInTraining, Phase, PhaseResult, Trainable } from './model.ts';
import { applyInTraining, dropoutsOf, variablesOf } from './network-layers.ts';

type Tensors = Record<string, tf.Tensor>;

/**
 * Runs a phase on one shard with tfjs, on whatever backend is in use: what engines compute, and what the compiler traces.
 * @param inputs by the names of `PhaseManifest.inputs`
 * @returns by name, to be disposed by the caller:
 *   - the gradient of each parameter of the networks that the phase updates (`gradientName`)
 *   - the batch mean and biased batch variance [channels] of each of their batch normalizations, under the names of the moving
 *     statistics that they update: the mean of all calls where a network is applied several times
 *   - the reported sums []
 * @throws GantryError E_CONFIG if the phase does not give what it promises, or takes a derivative that there is not
 */
export function runPhase(model: Trainable, phase: Phase, inputs: Readonly<Tensors>): Tensors {
  const networks = Object.fromEntries(
    Object.values(model.networks).map((network) => [network.name, new Applied(network, phase, inputs)]),
  );
  try {
    const result = phase.gradients(networks, inputs);
    const sums = phase.reports.map(({ name }) => [name, given(result.sums[name], phase, `sum ${name}`)] as const);
    const gradients = phase.updates.map((name) => gradientsOf(name, networks, phase, result));
    const statistics = phase.updates.map((name) => networks[name]?.takeStatistics());
    return Object.assign({}, ...statistics, Object.fromEntries(sums), ...gradients) as Tensors;
  } catch (error) {
    throw namingLayer(error, phase.name, Object.values(model.networks));
  } finally {
    for (const each of Object.values(networks)) each.dispose();
  }
}

function gradientsOf(network: string, networks: Record<string, Applied>, phase: Phase, result: PhaseResult): Tensors {
  const variables = networks[network]?.variables ?? [];
  return Object.fromEntries(
    variables.map(({ name }) => [gradientName(name), given(result.gradients[name], phase, `gradient for ${name}`)]),
  );
}

function given(tensor: tf.Tensor | undefined, phase: Phase, what: string): tf.Tensor {
  if (!tensor) throw new GantryError('E_CONFIG', `phase ${phase.name} gives no ${what}`);
  return tensor;
}

/** A network during one round of a phase. */
class Applied implements NetworkInTraining {
  readonly variables: NetworkInTraining['variables'];
  readonly #network: Network;
  readonly #phase: Phase;
  readonly #inputs: Readonly<Tensors>;
  /** Of each call. */
  #statistics: Tensors[] = [];
  /** Rows that have gone through. */
  #rows = 0;

  constructor(network: Network, phase: Phase, inputs: Readonly<Tensors>) {
    this.#network = network;
    this.#phase = phase;
    this.#inputs = inputs;
    this.variables = variablesOf(network, true);
  }

  apply(x: tf.Tensor): tf.Tensor {
    const { output, statistics } = applyInTraining(this.#network, x, this.#masks(x.shape[0] ?? 0));
    // tfjs disposes what differentiated functions make, except what is kept.
    this.#statistics.push(Object.fromEntries(Object.entries(statistics).map(([name, each]) => [name, tf.keep(each)])));
    return output;
  }

  /** The next rows of each mask. */
  #masks(rows: number): Tensors {
    const first = this.#rows;
    this.#rows += rows;
    return Object.fromEntries(
      dropoutsOf(this.#network).flatMap(({ mask: name }) => {
        const mask = this.#inputs[name];
        if (!mask) return [];
        const all = mask.shape[0] ?? 0;
        if (first + rows > all) {
          throw new GantryError(
            'E_CONFIG',
            `phase ${this.#phase.name}: more rows go through ${this.#network.name} than its batchesThrough promises (${all})`,
          );
        }
        return [[name, rows === all ? mask : tf.slice(mask, [first], [rows])]];
      }),
    );
  }

  /** The means over all calls; the caller disposes them. @throws GantryError E_CONFIG if there was none and they are needed */
  takeStatistics(): Tensors {
    const [first, ...more] = this.#statistics;
    if (!first) {
      if (variablesOf(this.#network, false).length === 0) return {};
      throw new GantryError(
        'E_CONFIG',
        `phase ${this.#phase.name} updates ${this.#network.name}, which has batch normalization, and does not apply it`,
      );
    }
    if (more.length === 0) {
      this.#statistics = [];
      return first;
    }
    const count = this.#statistics.length;
    return Object.fromEntries(
      Object.keys(first).map((name) => {
        const all = this.#statistics.map((each) => each[name] as tf.Tensor);
        return [name, tf.keep(tf.tidy(() => tf.div(tf.addN(all), count)))];
      }),
    );
  }

  dispose(): void {
    tf.dispose(this.#statistics);
  }
}

import type * as tf from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import type { Report } from './report.ts';

/** A network: layers one after the other. Its name and those of its layers give the names of its parameters. */
export type Network = layers.Sequential;

/** What a phase calls to apply a network in training mode. */
export interface NetworkInTraining {
  /**
   * Batch normalization by the batch's own statistics, which update the moving ones; dropouts by the next rows of their masks.
   * @param x [rows, ...]
   * @throws GantryError E_CONFIG beyond the rows that the phase's `batchesThrough` promises
   */
  apply(x: tf.Tensor): tf.Tensor;
  /** The trainable variables, with the names of their parameters, such as `generator/dense/kernel`. */
  readonly variables: readonly { readonly name: string; readonly variable: tf.Variable }[];
}

/** What a phase computes of one shard of B samples. Nothing is averaged: shards are added, and divided by the samples once. */
export interface PhaseResult {
  /** By parameter, of each network that is updated: the gradient of a sum over the samples. */
  readonly gradients: Readonly<Record<string, tf.Tensor>>;
  /** [] each: sums over the samples, one for each of `Phase.reports`. */
  readonly sums: Readonly<Record<string, tf.Tensor>>;
}

/** One kind of round: it takes the next batch and updates some of the networks. */
export interface Phase {
  readonly name: string;
  /** Rounds of it in a step; default 1. */
  readonly times?: number;
  /** Networks whose weights and moving statistics it updates. */
  readonly updates: readonly string[];
  /** How many batches of B samples go through a network in a round, in one call or several; default 1. Fixes its dropouts' masks. */
  readonly batchesThrough?: Readonly<Record<string, number>>;
  /** Networks that have to judge each sample by itself: batch normalization in them is refused. Default: none. */
  readonly independent?: readonly string[];
  /** Means over the samples that it reports. */
  readonly reports: readonly Report[];
  /**
   * A pure function of the networks' variables and its inputs, run once by the compiler for each shard size.
   * @param inputs the model's data, labels and draws by name: [B, ...]
   */
  gradients(
    networks: Readonly<Record<string, NetworkInTraining>>,
    inputs: Readonly<Record<string, tf.Tensor>>,
  ): PhaseResult;
}

/** Random numbers that a phase takes, standard normals or uniforms between 0 and 1: one row for each sample. */
export interface DrawSpec {
  readonly from: 'normal' | 'uniform';
  /** Of one sample. */
  readonly shape: readonly number[];
}

/**
 * What is trained, and how: a value. It lives where it was made; workers get its phases compiled, and all others its manifest.
 * The names of networks and layers may contain letters, digits, `_` and `-`.
 */
export interface Trainable {
  readonly name: string;
  /** Of at least one parameter each; initial weights come from the layers' own initializers. */
  readonly networks: Readonly<Record<string, Network>>;
  /** What one sample is: one tensor of bytes, scaled to [−1, 1]. An image is [height, width, channels]. */
  readonly data: Readonly<Record<string, readonly number[]>>;
  /**
   * How many classes samples are of, 2 … 256: phases then have the input `labels` too, one-hot [B,classes], and `conditioned` puts
   * it into what networks get. Absent: samples have no labels.
   */
  readonly classes?: number;
  readonly draws: Readonly<Record<string, DrawSpec>>;
  /** In the order of a step. */
  readonly phases: readonly Phase[];
}

/** What makes pictures, once it is trained. */
export interface Model extends Trainable {
  readonly preview: Preview;
}

/** How sample pictures are made. */
export interface Preview {
  /** The draw that they are made from, of normals. */
  readonly draw: string;
  /**
   * The network that makes them, in inference mode: a draw's rows, `conditioned` by labels where the model has classes → [rows,
   * height, width, channels] in [−1, 1].
   */
  readonly network: string;
}

/** Frees its variables. */
export function disposeModel({ networks }: Pick<Trainable, 'networks'>): void {
  for (const network of Object.values(networks)) network.dispose();
}

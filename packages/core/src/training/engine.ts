import type { ModelManifest } from '../model/manifest.ts';
import type { ShardInputs } from '../model/step-inputs.ts';

/**
 * What computes gradients. An engine turns (weights, shard) into a leaf and keeps nothing else: the same call gives the
 * same bits, so a shard may be computed anywhere, again, or twice. It does not average, reduce or optimize.
 *
 * Calls on one engine are made one after another.
 */
export interface GradientEngine {
  /** Prepares to run `program`. @throws GantryError E_ENGINE if the engine or device cannot */
  load(program: Program): Promise<void>;

  /** @param flat laid out as `manifest.trainable`; must stay as it is until the next `setWeights`: the engine may read it where it is */
  setWeights(flat: Float32Array): Promise<void>;

  /**
   * Computes one shard with the weights last set.
   * @param leaf memory for the result, overwritten; absent: a new one
   * @returns laid out as `contributionLayout(manifest)`; the caller owns it
   */
  gradients(inputs: ShardInputs, leaf?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;

  dispose(): Promise<void>;
}

/** A compiled training step for one shard size. */
export interface ProgramVariant {
  /** Samples in the shard; baked into the graph's shapes. */
  readonly samples: number;
  /** ONNX model whose inputs and outputs carry the names of `trainingStep`. */
  readonly onnx: Uint8Array;
}

/** Everything an engine needs to know of a run. */
export interface Program {
  readonly seed: number;
  readonly manifest: ModelManifest;
  readonly variants: readonly ProgramVariant[];
}

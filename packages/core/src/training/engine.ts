import type { BatchInputs } from '../model/batch-inputs.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { TrainingSpec } from './training-spec.ts';

/**
 * What computes gradients. An engine turns (weights, batch) into a contribution and keeps nothing else: the same call gives the
 * same bits, so a batch may be computed anywhere, again, or twice. It does not average, reduce or optimize.
 *
 * Calls on one engine are made one after another.
 */
export interface GradientEngine {
  /** Prepares to run `program`. @throws GantryError E_ENGINE if the engine or device cannot */
  load(program: Program): Promise<void>;

  /** @param flat laid out as `manifest.trainable`; must stay as it is until the next `setWeights`: the engine may read it where it is */
  setWeights(flat: Float32Array): Promise<void>;

  /**
   * Computes one batch with the weights last set.
   * @param into memory for the result, overwritten; absent: a new one
   * @returns laid out as `contributionLayout(manifest, inputs.phase)`; the caller owns it
   */
  gradients(inputs: BatchInputs, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;

  dispose(): Promise<void>;
}

/** A phase, compiled for one shard size. */
export interface ProgramVariant {
  readonly phase: string;
  /** Samples in the shard; baked into the graph's shapes. */
  readonly samples: number;
  /** ONNX model whose inputs and outputs carry the names of `runPhase`. */
  readonly onnx: Uint8Array;
}

/** Everything an engine needs to know of a run. */
export interface Program {
  readonly seed: number;
  readonly manifest: ModelManifest;
  readonly variants: readonly ProgramVariant[];
  readonly training: TrainingSpec;
}

import { rewriteModel } from '@gantry/compiler/reader';
import {
  completeContribution,
  contributionParts,
  newContribution,
  inputSpecs,
  viewOf,
  type GradientEngine,
  type Program,
  type BatchInputs,
} from '@gantry/core';
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { variantFor, variantKey } from './variants.ts';

/** What differs between ONNX Runtime's packages, and between devices. */
export interface OnnxRuntime {
  readonly Tensor: TensorConstructor;
  /** @throws GantryError E_ENGINE if the device cannot be used */
  open(onnx: Uint8Array): Promise<InferenceSession>;
  /** Whether `run` writes outputs into memory that it is given. */
  readonly fillsOutputs: boolean;
}

interface Loaded {
  readonly program: Program;
  /** By `variantKey`. */
  readonly sessions: ReadonlyMap<string, InferenceSession>;
  readonly weights: Float32Array;
  readonly weightFeeds: Readonly<Record<string, Tensor>>;
}

/**
 * The compiled phases on ONNX Runtime, which gets no byte of a model that came over the network: it would open the files that a model
 * names. On a CPU, `gradients` blocks the thread that calls it.
 */
export class OnnxEngine implements GradientEngine {
  readonly #runtime: OnnxRuntime;
  #loaded: Loaded | undefined;

  constructor(runtime: OnnxRuntime) {
    this.#runtime = runtime;
  }

  async load(program: Program): Promise<void> {
    await this.dispose();
    const sessions = new Map<string, InferenceSession>();
    for (const { phase, samples, onnx } of program.variants) {
      sessions.set(variantKey(phase, samples), await this.#runtime.open(rewriteModel(onnx)));
    }
    const { Tensor } = this.#runtime;
    const weights = new Float32Array(program.manifest.trainableSize);
    const weightFeeds = Object.fromEntries(
      program.manifest.trainable.map((parameter) => [
        parameter.name,
        new Tensor('float32', viewOf(weights, parameter), parameter.shape),
      ]),
    );
    this.#loaded = { program, sessions, weights, weightFeeds };
  }

  setWeights(flat: Float32Array): Promise<void> {
    this.#loadedOrThrow().weights.set(flat);
    return Promise.resolve();
  }

  async gradients(
    inputs: BatchInputs,
    into = newContribution(this.#loadedOrThrow().program.manifest, inputs.phase),
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, sessions, weightFeeds } = this.#loadedOrThrow();
    const { phase, samples } = inputs;
    const session = variantFor(sessions, inputs);
    const { Tensor, fillsOutputs } = this.#runtime;
    const specs = inputSpecs(phase, samples);
    const feeds: Record<string, Tensor> = {
      ...weightFeeds,
    };
    for (const [name, { shape, dtype }] of Object.entries(specs)) {
      const values = inputs.tensors[name] as Float32Array & Uint8Array;
      feeds[name] = dtype === 'bool' ? new Tensor(dtype, values, shape) : new Tensor(dtype, values, shape);
    }
    const parts = contributionParts(into, program.manifest, phase);
    if (fillsOutputs) {
      const tensors = parts.map(({ name, shape, values }) => [name, new Tensor('float32', values, shape)] as const);
      await session.run(feeds, Object.fromEntries(tensors));
    } else {
      const outputs = await session.run(
        feeds,
        parts.map(({ name }) => name),
      );
      for (const { name, values } of parts) values.set(outputs[name]?.data as Float32Array);
    }
    completeContribution(into, program.manifest, phase, samples);
    return into;
  }

  async dispose(): Promise<void> {
    const sessions = this.#loaded?.sessions.values() ?? [];
    this.#loaded = undefined;
    for (const session of sessions) await session.release();
  }

  #loadedOrThrow(): Loaded {
    if (!this.#loaded) throw new Error('no program is loaded');
    return this.#loaded;
  }
}

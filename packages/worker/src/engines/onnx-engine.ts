import {
  completeContribution,
  contributionParts,
  newContribution,
  stepInputSpecs,
  viewOf,
  type GradientEngine,
  type Program,
  type ShardInputs,
} from '@gantry/core';
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { variantFor } from './variants.ts';

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
  readonly sessions: ReadonlyMap<number, InferenceSession>;
  readonly weights: Float32Array;
  readonly weightFeeds: Readonly<Record<string, Tensor>>;
}

/** The compiled training step on ONNX Runtime. On a CPU, `gradients` blocks the thread that calls it. */
export class OnnxEngine implements GradientEngine {
  readonly #runtime: OnnxRuntime;
  #loaded: Loaded | undefined;

  constructor(runtime: OnnxRuntime) {
    this.#runtime = runtime;
  }

  async load(program: Program): Promise<void> {
    await this.dispose();
    const sessions = new Map<number, InferenceSession>();
    for (const { samples, onnx } of program.variants) {
      sessions.set(samples, await this.#runtime.open(onnx));
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
    inputs: ShardInputs,
    leaf = newContribution(this.#loadedOrThrow().program.manifest),
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, sessions, weightFeeds } = this.#loadedOrThrow();
    const { samples } = inputs;
    const session = variantFor(sessions, samples);
    const { Tensor, fillsOutputs } = this.#runtime;
    const specs = stepInputSpecs(program.manifest, samples);
    const feeds: Record<string, Tensor> = {
      ...weightFeeds,
    };
    for (const [name, { shape, dtype }] of Object.entries(specs)) {
      const values = inputs.tensors[name] as Float32Array & Uint8Array;
      feeds[name] = dtype === 'bool' ? new Tensor(dtype, values, shape) : new Tensor(dtype, values, shape);
    }
    const parts = contributionParts(leaf, program.manifest);
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
    completeContribution(leaf, program.manifest, samples);
    return leaf;
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

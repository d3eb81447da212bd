import * as ort from 'onnxruntime-node';
import {
  GantryError,
  completeLeaf,
  leafParts,
  newLeaf,
  plainText,
  stepInputSpecs,
  viewOf,
  type GradientEngine,
  type Program,
  type ShardInputs,
} from '@gantry/core';
import { gpuIndex, type Device } from './device.ts';

/**
 * One session is one thread: the order of additions inside ONNX Runtime depends on its thread count, and equal bits
 * matter more than a faster single shard. More cores are used by more engines.
 */
const SESSION_OPTIONS: ort.InferenceSession.SessionOptions = {
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  // A plan of all memory at once takes half as much again, and is no faster.
  enableMemPattern: false,
};

// What goes wrong is thrown; printed as well, it would be said twice.
ort.env.logLevel = 'fatal';

interface Loaded {
  readonly program: Program;
  readonly sessions: ReadonlyMap<number, ort.InferenceSession>;
  readonly weights: Float32Array;
  readonly weightFeeds: Readonly<Record<string, ort.Tensor>>;
}

/** The compiled training step on ONNX Runtime. `gradients` blocks the thread that calls it. */
export class OnnxEngine implements GradientEngine {
  readonly #device: Device;
  #loaded: Loaded | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  async load(program: Program): Promise<void> {
    await this.dispose();
    const sessions = new Map<number, ort.InferenceSession>();
    for (const { samples, onnx } of program.variants) {
      sessions.set(samples, await this.#open(onnx));
    }
    const weights = new Float32Array(program.manifest.trainableSize);
    const weightFeeds = Object.fromEntries(
      program.manifest.trainable.map((parameter) => [
        parameter.name,
        new ort.Tensor('float32', viewOf(weights, parameter), parameter.shape),
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
    leaf = newLeaf(this.#loadedOrThrow().program.manifest),
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, sessions, weightFeeds } = this.#loadedOrThrow();
    const { samples } = inputs;
    const session = sessions.get(samples);
    if (!session) {
      throw new GantryError(
        'E_ENGINE',
        `a shard of ${samples} samples came; this run has ${[...sessions.keys()].join(', ')}`,
      );
    }
    const specs = stepInputSpecs(samples);
    const feeds = {
      ...weightFeeds,
      images: new ort.Tensor('float32', inputs.images, specs.images.shape),
      noise: new ort.Tensor('float32', inputs.noise, specs.noise.shape),
      mask1: new ort.Tensor('bool', inputs.mask1, specs.mask1.shape),
      mask2: new ort.Tensor('bool', inputs.mask2, specs.mask2.shape),
    };
    const fetches = Object.fromEntries(
      leafParts(leaf, program.manifest).map(({ name, shape, values }) => [
        name,
        new ort.Tensor('float32', values, shape),
      ]),
    );
    await session.run(feeds, fetches);
    completeLeaf(leaf, program.manifest, samples);
    return leaf;
  }

  async dispose(): Promise<void> {
    const sessions = this.#loaded?.sessions.values() ?? [];
    this.#loaded = undefined;
    for (const session of sessions) await session.release();
  }

  async #open(onnx: Uint8Array): Promise<ort.InferenceSession> {
    const device = this.#device;
    const provider = device === 'cpu' ? device : { name: 'cuda', deviceId: gpuIndex(device) };
    try {
      return await ort.InferenceSession.create(onnx, { ...SESSION_OPTIONS, executionProviders: [provider] });
    } catch (cause) {
      if (device === 'cpu') throw cause;
      const why = plainText(cause instanceof Error ? cause.message : String(cause));
      const remedy = "ONNX Runtime's CUDA files, CUDA 12 and cuDNN 9 have to be installed; or choose --device cpu";
      throw new GantryError('E_ENGINE', `${device} cannot be used (${why}): ${remedy}`, { cause });
    }
  }

  #loadedOrThrow(): Loaded {
    if (!this.#loaded) throw new Error('no program is loaded');
    return this.#loaded;
  }
}

import { compileNative, type NativeProgram, type TensorData } from '@gantry/compiler/native';
import {
  GantryError,
  completeLeaf,
  leafParts,
  newLeaf,
  viewOf,
  type GradientEngine,
  type Program,
  type ShardInputs,
} from '@gantry/core';

interface Loaded {
  readonly program: Program;
  readonly variants: ReadonlyMap<number, NativeProgram>;
  /** What they compute in, one at a time. */
  readonly scratch: Uint8Array;
}

/** The compiled training step as machine code for this processor. `gradients` blocks the thread that calls it. */
export class NativeEngine implements GradientEngine {
  #loaded: Loaded | undefined;
  #weights: Float32Array | undefined;

  async load(program: Program): Promise<void> {
    const { manifest } = program;
    const outputs = leafParts(newLeaf(manifest), manifest).map(({ name }) => name);
    const compiled = await Promise.all(
      program.variants.map(async ({ samples, onnx }) => [samples, await compileNative(onnx, outputs)] as const),
    );
    const scratch = new Uint8Array(Math.max(...compiled.map(([, { scratchBytes }]) => scratchBytes)));
    this.#loaded = { program, variants: new Map(compiled), scratch };
  }

  setWeights(flat: Float32Array): Promise<void> {
    this.#weights = flat;
    return Promise.resolve();
  }

  // Asynchronous, so that what goes wrong is a rejection.
  async gradients(inputs: ShardInputs, leaf?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    if (!this.#loaded || !this.#weights) throw new Error('no program is loaded, or no weights are set');
    const weights = this.#weights;
    const { program, variants, scratch } = this.#loaded;
    const { manifest } = program;
    const { samples, images, noise, mask1, mask2 } = inputs;
    const variant = variants.get(samples);
    if (!variant) {
      const known = [...variants.keys()].join(', ');
      throw new GantryError('E_ENGINE', `a shard of ${samples} samples came; this run has ${known}`);
    }
    const fed = new Map<string, TensorData>(Object.entries({ images, noise, mask1, mask2 }));
    for (const parameter of manifest.trainable) fed.set(parameter.name, viewOf(weights, parameter));
    const result = leaf ?? newLeaf(manifest);
    variant.run(
      scratch,
      variant.inputs.map((name) => {
        const values = fed.get(name);
        if (!values) throw new GantryError('E_ENGINE', `the program takes '${name}', which no shard has`);
        return values;
      }),
      leafParts(result, manifest).map(({ values }) => values),
    );
    completeLeaf(result, manifest, samples);
    return result;
  }

  dispose(): Promise<void> {
    this.#loaded = undefined;
    return Promise.resolve();
  }
}

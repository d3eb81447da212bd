import { compileNative, type NativeProgram, type TensorData } from '@gantry/compiler/native';
import {
  GantryError,
  completeContribution,
  contributionParts,
  newContribution,
  viewOf,
  type GradientEngine,
  type Program,
  type ShardInputs,
} from '@gantry/core';
import { variantFor } from './variants.ts';

interface Loaded {
  readonly program: Program;
  readonly variants: ReadonlyMap<number, Promise<NativeProgram>>;
}

/** The compiled training step as machine code for this processor. `gradients` blocks the thread that calls it. */
export class NativeEngine implements GradientEngine {
  #loaded: Loaded | undefined;
  #weights: Float32Array | undefined;
  /** What the programs compute in, one at a time. */
  #scratch = new Uint8Array();

  async load(program: Program): Promise<void> {
    const { manifest } = program;
    const outputs = contributionParts(newContribution(manifest), manifest).map(({ name }) => name);
    const variants = new Map<number, Promise<NativeProgram>>();
    let previous: Promise<unknown> = Promise.resolve();
    for (const { samples, onnx } of program.variants) {
      const compiled = previous.then(() => compileNative(onnx, outputs));
      variants.set(samples, compiled);
      // Whoever needs it is told.
      previous = compiled.catch(() => undefined);
    }
    this.#loaded = { program, variants };
    this.#weights = undefined;
    // The others, of the last shard of an epoch, are compiled while this one computes.
    await variants.get(program.variants[0]?.samples ?? 0);
  }

  setWeights(flat: Float32Array): Promise<void> {
    this.#weights = flat;
    return Promise.resolve();
  }

  async gradients(inputs: ShardInputs, leaf?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    if (!this.#loaded || !this.#weights) throw new Error('no program is loaded, or no weights are set');
    const weights = this.#weights;
    const { program, variants } = this.#loaded;
    const { manifest } = program;
    const { samples, tensors } = inputs;
    const variant = await variantFor(variants, samples);
    const fed = new Map<string, TensorData>(Object.entries(tensors));
    for (const parameter of manifest.trainable) fed.set(parameter.name, viewOf(weights, parameter));
    const result = leaf ?? newContribution(manifest);
    if (this.#scratch.length < variant.scratchBytes) this.#scratch = new Uint8Array(variant.scratchBytes);
    variant.run(
      this.#scratch,
      variant.inputs.map((name) => {
        const values = fed.get(name);
        if (!values) throw new GantryError('E_ENGINE', `the program takes '${name}', which no shard has`);
        return values;
      }),
      contributionParts(result, manifest).map(({ values }) => values),
    );
    completeContribution(result, manifest, samples);
    return result;
  }

  dispose(): Promise<void> {
    this.#loaded = undefined;
    this.#weights = undefined;
    this.#scratch = new Uint8Array();
    return Promise.resolve();
  }
}

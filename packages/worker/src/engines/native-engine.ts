import { compileNative, type NativeProgram, type TensorData } from '@gantry/compiler/native';
import {
  GantryError,
  completeContribution,
  contributionParts,
  newContribution,
  phaseNamed,
  viewOf,
  type GradientEngine,
  type Program,
  type BatchInputs,
} from '@gantry/core';
import { variantFor, variantKey } from './variants.ts';

interface Loaded {
  readonly program: Program;
  /** By `variantKey`. */
  readonly variants: ReadonlyMap<string, Promise<NativeProgram>>;
}

/** The compiled phases as machine code for this processor. `gradients` blocks the thread that calls it. */
export class NativeEngine implements GradientEngine {
  #loaded: Loaded | undefined;
  #weights: Float32Array | undefined;
  /** What the programs compute in, one at a time. */
  #scratch = new Uint8Array();

  async load(program: Program): Promise<void> {
    const { manifest } = program;
    const variants = new Map<string, Promise<NativeProgram>>();
    let previous: Promise<unknown> = Promise.resolve();
    for (const { phase: name, samples, onnx } of program.variants) {
      const phase = phaseNamed(manifest, name);
      const outputs = contributionParts(newContribution(manifest, phase), manifest, phase).map((part) => part.name);
      const compiled = previous.then(() => compileNative(onnx, outputs));
      variants.set(variantKey(name, samples), compiled);
      // Whoever needs it is told.
      previous = compiled.catch(() => undefined);
    }
    this.#loaded = { program, variants };
    this.#weights = undefined;
    // The others, of the last shard of an epoch, are compiled while this one computes.
    const [first] = program.variants;
    if (first) await variants.get(variantKey(first.phase, first.samples));
  }

  setWeights(flat: Float32Array): Promise<void> {
    this.#weights = flat;
    return Promise.resolve();
  }

  async gradients(inputs: BatchInputs, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    if (!this.#loaded || !this.#weights) throw new Error('no program is loaded, or no weights are set');
    const weights = this.#weights;
    const { program, variants } = this.#loaded;
    const { manifest } = program;
    const { phase, samples, tensors } = inputs;
    const variant = await variantFor(variants, inputs);
    const fed = new Map<string, TensorData>(Object.entries(tensors));
    for (const parameter of manifest.trainable) fed.set(parameter.name, viewOf(weights, parameter));
    const result = into ?? newContribution(manifest, phase);
    if (this.#scratch.length < variant.scratchBytes) this.#scratch = new Uint8Array(variant.scratchBytes);
    variant.run(
      this.#scratch,
      variant.inputs.map((name) => {
        const values = fed.get(name);
        if (!values) throw new GantryError('E_ENGINE', `the program takes '${name}', which no shard has`);
        return values;
      }),
      contributionParts(result, manifest, phase).map(({ values }) => values),
    );
    completeContribution(result, manifest, phase, samples);
    return result;
  }

  dispose(): Promise<void> {
    this.#loaded = undefined;
    this.#weights = undefined;
    this.#scratch = new Uint8Array();
    return Promise.resolve();
  }
}

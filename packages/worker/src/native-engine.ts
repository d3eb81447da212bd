import { createRequire } from 'node:module';
import { nativeSource, type NativeSource } from '@gantry/compiler/native';
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
import { compileC } from './c-compiler.ts';

const require = createRequire(import.meta.url);

/** The module of `addon.h`. */
interface NativeModule {
  run(scratch: Uint8Array, ...args: readonly (Float32Array | Uint8Array)[]): void;
}

interface NativeProgram {
  readonly source: NativeSource;
  readonly module: NativeModule;
}

interface Loaded {
  readonly program: Program;
  readonly variants: ReadonlyMap<number, NativeProgram>;
  /** What the programs compute in, one at a time. */
  readonly scratch: Uint8Array;
}

/** The compiled training step as machine code for this processor. `gradients` blocks the thread that calls it. */
export class NativeEngine implements GradientEngine {
  #loaded: Loaded | undefined;
  #weights: Float32Array | undefined;

  async load(program: Program): Promise<void> {
    const outputs = leafParts(newLeaf(program.manifest), program.manifest).map(({ name }) => name);
    const variants = await Promise.all(
      program.variants.map(async ({ samples, onnx }) => {
        const source = nativeSource(onnx, outputs);
        const module = require(await compileC(source.source)) as NativeModule;
        return [samples, { source, module }] as const;
      }),
    );
    const scratch = new Uint8Array(Math.max(...variants.map(([, { source }]) => source.scratchBytes)));
    this.#loaded = { program, variants: new Map(variants), scratch };
  }

  setWeights(flat: Float32Array): Promise<void> {
    this.#weights = flat;
    return Promise.resolve();
  }

  // Errors are to reject.
  async gradients(inputs: ShardInputs, leaf?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    if (!this.#loaded || !this.#weights) throw new Error('no program is loaded, or no weights are set');
    const { program, variants, scratch } = this.#loaded;
    const weights = this.#weights;
    const variant = variants.get(inputs.samples);
    if (!variant) {
      throw new GantryError(
        'E_ENGINE',
        `a shard of ${inputs.samples} samples came; this run has ${[...variants.keys()].join(', ')}`,
      );
    }
    const { manifest } = program;
    const result = leaf ?? newLeaf(manifest);
    const values = new Map<string, Float32Array | Uint8Array>([
      ...manifest.trainable.map((parameter) => [parameter.name, viewOf(weights, parameter)] as const),
      ['images', inputs.images],
      ['noise', inputs.noise],
      ['mask1', inputs.mask1],
      ['mask2', inputs.mask2],
    ]);
    const { source, module } = variant;
    const fed = source.inputs.map((name) => {
      const value = values.get(name);
      if (!value) throw new GantryError('E_ENGINE', `the program takes '${name}', which no shard has`);
      return value;
    });
    module.run(scratch, ...fed, ...source.tables, ...leafParts(result, manifest).map((part) => part.values));
    completeLeaf(result, manifest, inputs.samples);
    return result;
  }

  dispose(): Promise<void> {
    this.#loaded = undefined;
    return Promise.resolve();
  }
}

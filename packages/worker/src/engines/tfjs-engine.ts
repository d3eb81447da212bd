import * as tf from '@tensorflow/tfjs-core';
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
import { createModels, disposeModels, trainableVariables, trainingStep, type Models } from '@gantry/core/tfjs';

/**
 * The training step run eagerly on tfjs: on TensorFlow where that is loaded, else in plain JavaScript, which is very slow and
 * the reference that tests compare with.
 */
export class TfjsEngine implements GradientEngine {
  #loaded: { program: Program; models: Models } | undefined;

  async load(program: Program): Promise<void> {
    await this.dispose();
    this.#loaded = { program, models: createModels() };
  }

  setWeights(flat: Float32Array): Promise<void> {
    const { program, models } = this.#loadedOrThrow();
    const parameters = new Map(program.manifest.trainable.map((parameter) => [parameter.name, parameter]));
    for (const { name, variable } of trainableVariables(models)) {
      const parameter = parameters.get(name);
      if (!parameter) throw new Error(`${name} is not in the manifest`);
      // The tensor keeps the array it is given, and the caller's changes with the next step.
      tf.tidy(() => variable.assign(tf.tensor(viewOf(flat, parameter).slice(), variable.shape)));
    }
    return Promise.resolve();
  }

  async gradients(
    inputs: ShardInputs,
    leaf = newContribution(this.#loadedOrThrow().program.manifest),
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, models } = this.#loadedOrThrow();
    const { samples } = inputs;
    const specs = Object.entries(stepInputSpecs(program.manifest, samples));
    const tensors = Object.fromEntries(
      specs.map(([name, { shape, dtype }]) => [name, tf.tensor(inputs.tensors[name] as Float32Array, shape, dtype)]),
    );
    const outputs = tf.tidy(() => trainingStep(models, tensors));
    for (const { name, values: view } of contributionParts(leaf, program.manifest)) {
      const output = outputs[name];
      if (!output) throw new Error(`the training step gave no ${name}`);
      view.set(await output.data());
    }
    tf.dispose([tensors, outputs]);
    completeContribution(leaf, program.manifest, samples);
    return leaf;
  }

  dispose(): Promise<void> {
    if (this.#loaded) disposeModels(this.#loaded.models);
    this.#loaded = undefined;
    return Promise.resolve();
  }

  #loadedOrThrow() {
    if (!this.#loaded) throw new Error('no program is loaded');
    return this.#loaded;
  }
}

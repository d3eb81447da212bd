import * as tf from '@tensorflow/tfjs-core';
import {
  GantryError,
  completeContribution,
  contributionParts,
  inputSpecs,
  manifestBytes,
  newContribution,
  viewOf,
  type BatchInputs,
  type GradientEngine,
  type ModelManifest,
  type Program,
} from '@gantry/core';
import { disposeModel, manifestOf, modelVariables, runPhase, type Model } from '@gantry/core/tfjs';
import { modelNamed } from '@gantry/models';

/**
 * The phases of a model run eagerly on tfjs: on TensorFlow where that is loaded, else in plain JavaScript, which is very slow and
 * the reference that tests compare with. It needs the model itself, where other engines run what was compiled of it.
 */
export class TfjsEngine implements GradientEngine {
  readonly #modelOf: (manifest: ModelManifest) => Model;
  #loaded: { program: Program; model: Model } | undefined;

  /** @param modelOf makes the model of a manifest; by default one that ships with Gantry */
  constructor(modelOf = shippedModel) {
    this.#modelOf = modelOf;
  }

  async load(program: Program): Promise<void> {
    await this.dispose();
    const model = this.#modelOf(program.manifest);
    this.#loaded = { program, model };
    const [own, wanted] = [manifestOf(model), program.manifest].map((each) => String(manifestBytes(each)));
    if (own !== wanted) {
      await this.dispose();
      throw new GantryError('E_MANIFEST', `the model '${model.name}' of this worker is not the run's`);
    }
  }

  setWeights(flat: Float32Array): Promise<void> {
    const { program, model } = this.#loadedOrThrow();
    const parameters = new Map(program.manifest.trainable.map((parameter) => [parameter.name, parameter]));
    for (const { name, variable } of modelVariables(model, true)) {
      const parameter = parameters.get(name);
      if (!parameter) throw new Error(`${name} is not in the manifest`);
      // The tensor keeps the array it is given, and the caller's changes with the next step.
      tf.tidy(() => variable.assign(tf.tensor(viewOf(flat, parameter).slice(), variable.shape)));
    }
    return Promise.resolve();
  }

  async gradients(
    inputs: BatchInputs,
    into = newContribution(this.#loadedOrThrow().program.manifest, inputs.phase),
  ): Promise<Float32Array<ArrayBuffer>> {
    const { program, model } = this.#loadedOrThrow();
    const { samples, phase } = inputs;
    const specs = Object.entries(inputSpecs(phase, samples));
    const tensors = Object.fromEntries(
      specs.map(([name, { shape, dtype }]) => [name, tf.tensor(inputs.tensors[name] as Float32Array, shape, dtype)]),
    );
    let outputs: Record<string, tf.Tensor> = {};
    try {
      const own = model.phases.find(({ name }) => name === phase.name);
      if (!own) throw new GantryError('E_ENGINE', `the model '${model.name}' has no phase ${phase.name}`);
      outputs = tf.tidy(() => runPhase(model, own, tensors));
      for (const { name, values } of contributionParts(into, program.manifest, phase)) {
        const output = outputs[name];
        if (!output) throw new Error(`the phase gave no ${name}`);
        values.set(await output.data());
      }
    } finally {
      tf.dispose([tensors, outputs]);
    }
    completeContribution(into, program.manifest, phase, samples);
    return into;
  }

  dispose(): Promise<void> {
    if (this.#loaded) disposeModel(this.#loaded.model);
    this.#loaded = undefined;
    return Promise.resolve();
  }

  #loadedOrThrow() {
    if (!this.#loaded) throw new Error('no program is loaded');
    return this.#loaded;
  }
}

function shippedModel({ model }: ModelManifest): Model {
  try {
    return modelNamed(model);
  } catch (cause) {
    throw new GantryError(
      'E_ENGINE',
      `this engine computes models that ship with Gantry, and '${model}' is none: use the engine native or onnx`,
      { cause },
    );
  }
}

import * as tf from '@tensorflow/tfjs-core';
import {
  batchInputs,
  completeContribution,
  contributionParts,
  inputSpecs,
  newContribution,
  phaseAt,
  viewOf,
  type BatchInputs,
  type ModelManifest,
  type LoadedUnit,
} from '@gantry/core';
import { modelVariables, runPhase, type Model } from '@gantry/core/tfjs';

/** Inputs as tensors, to be disposed. */
function tensorsOf({ phase, samples, tensors }: BatchInputs): Record<string, tf.Tensor> {
  const specs = Object.entries(inputSpecs(phase, samples));
  return Object.fromEntries(
    specs.map(([name, { shape, dtype }]) => [name, tf.tensor(tensors[name] as Float32Array, shape, dtype)]),
  );
}

/** Gives the networks their weights, as `manifest.trainable`. */
function setWeights(model: Model, manifest: ModelManifest, weights: Float32Array): void {
  modelVariables(model, true).forEach(({ variable }, i) => {
    const parameter = manifest.trainable[i];
    if (!parameter) throw new RangeError('the model has more variables than its manifest');
    tf.tidy(() => variable.assign(tf.tensor(viewOf(weights, parameter).slice(), [...parameter.shape])));
  });
}

/** What a unit of one batch contributes, computed by tfjs, layer by layer. */
export function contributionOf(
  model: Model,
  manifest: ModelManifest,
  seed: number,
  weights: Float32Array,
  { batches, data }: LoadedUnit,
): Float32Array {
  const [batch, ...more] = batches;
  if (!batch || more.length > 0) throw new RangeError('a unit of one batch was expected');
  const phase = phaseAt(manifest, batch.iteration);
  const definition = model.phases.find(({ name }) => name === phase.name);
  if (!definition) throw new RangeError(`there is no phase ${phase.name}`);
  setWeights(model, manifest, weights);
  const contribution = newContribution(manifest, phase);
  const outputs = tf.tidy(() => runPhase(model, definition, tensorsOf(batchInputs(batch, data, manifest, seed))));
  for (const { name, values } of contributionParts(contribution, manifest, phase)) {
    const output = outputs[name];
    if (!output) throw new RangeError(`there is no output ${name}`);
    values.set(output.dataSync());
  }
  tf.dispose(outputs);
  completeContribution(contribution, manifest, phase, batch.samples);
  return contribution;
}

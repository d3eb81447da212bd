import { batchInputs, initialState, sampleBytes } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { createEngine } from '@gantry/worker';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/** Computes gradients with an engine of eager tensors, and expects none of them to be left. */
export async function expectNoTensorLeft(name: 'tensorflow' | 'tfjs'): Promise<void> {
  const manifest = modelManifest('tiny');
  const engine = await createEngine(name);
  await engine.load({
    seed: 0,
    manifest,
    variants: [],
    training: { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: {} },
  });
  await engine.setWeights(initialState(manifest, 0).weights);
  const data = new Uint8Array(2 * sampleBytes(manifest));
  const inputs = batchInputs({ step: 0, iteration: 0, first: 0, samples: 2 }, data, manifest, 0);
  const { numTensors } = tf.memory();
  await engine.gradients(inputs);
  expect(tf.memory().numTensors).toBe(numTensors);
  await engine.dispose();
}

import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { compileTraining } from '@gantry/coordinator';
import { batchInputs, initialState, sampleBytes } from '@gantry/core';
import { dcgan, modelManifest } from '@gantry/models';
import { createEngine } from '@gantry/worker';
import { CPU_ENGINES } from './support/c-compiler.ts';
import { expectNoTensorLeft } from './support/tensor-leaks.ts';

const SAMPLES = 8;
const WARM_UP_STEPS = 40;
const STEPS = 200;
const MIB = 2 ** 20;

it.each(CPU_ENGINES)('%s keeps its memory over 200 steps', async (name) => {
  const manifest = modelManifest();
  const { weights } = initialState(manifest, 0);
  const program = compileTraining(dcgan(), { images: SAMPLES, epochs: 1, batch: SAMPLES, shardSize: SAMPLES }, 0);
  const tensors = tf.memory().numTensors;
  const engine = await createEngine(name);
  await engine.load(program);
  const resident: number[] = [];
  for (let step = 0; step < WARM_UP_STEPS + STEPS; step++) {
    await engine.setWeights(weights);
    await engine.gradients(
      batchInputs(
        { step, iteration: 0, first: 0, samples: SAMPLES },
        new Uint8Array(SAMPLES * sampleBytes(manifest)),
        manifest,
        0,
      ),
    );
    if (step >= WARM_UP_STEPS) resident.push(process.memoryUsage.rss());
  }
  await engine.dispose();
  expect(tf.memory().numTensors).toBe(tensors);
  // A leaked leaf would add 10 MB a step, 2 GB in all; the garbage collector may lag by a few of them.
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
  const growth = median(resident.slice(-50)) - median(resident.slice(0, 50));
  expect(growth / MIB).toBeLessThan(64);
});

it('leaves no tensor behind in the reference engine', () => expectNoTensorLeft('tfjs'));

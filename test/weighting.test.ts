import { expect, it } from 'vitest';
import { compileTraining } from '@gantry/coordinator';
import {
  ReductionTree,
  batchInputs,
  contributionLayout,
  initialState,
  numberIn,
  phaseAt,
  shardsOf,
  type Section,
} from '@gantry/core';
import { manifestOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { createEngine } from '@gantry/worker';

const BATCH = 96;
const SEED = 5;

it('weighs the shards of a batch of 96 by their samples', async () => {
  const model = dcgan();
  const manifest = manifestOf(model);
  const { sums, samples: count } = contributionLayout(manifest, phaseAt(manifest, 0));
  const { offset: sumsOffset } = sums['generatorLoss'] as Section;
  const engine = await createEngine('onnx');
  await engine.load(compileTraining(model, { images: BATCH, epochs: 1, batch: BATCH, shardSize: 64 }, SEED));
  await engine.setWeights(initialState(manifest, SEED).weights);
  const tree = new ReductionTree(2);
  const leaves: Float32Array[] = [];
  const shards = shardsOf(BATCH, 64);
  expect(shards.map(({ samples }) => samples)).toEqual([64, 32]);
  for (const { index, first, samples } of shards) {
    const images = Uint8Array.from({ length: samples * 784 }, (_, i) => Math.imul(first * 784 + i, 0x9e3779b1) >>> 24);
    const leaf = await engine.gradients(batchInputs({ step: 0, iteration: 0, first, samples }, images, manifest, SEED));
    leaves.push(leaf.slice());
    tree.add({ level: 0, index }, leaf);
  }
  await engine.dispose();
  const root = tree.root();
  const [a, b] = leaves as [Float32Array, Float32Array];

  // Mean over each shard's samples, then the two means weighed, all in float64.
  const meanOf = (i: number, weightA: number, weightB: number) =>
    ((a[i] ?? NaN) / 64) * weightA + ((b[i] ?? NaN) / 32) * weightB;
  const largestDifference = (weightA: number, weightB: number) => {
    let difference = 0;
    let largest = 0;
    for (let i = 0; i < sumsOffset; i++) {
      const expected = meanOf(i, weightA, weightB);
      difference = Math.max(difference, Math.abs((root[i] ?? NaN) / BATCH - expected));
      largest = Math.max(largest, Math.abs(expected));
    }
    return difference / largest;
  };
  expect(numberIn(root, count)).toBe(BATCH);
  expect(largestDifference(64 / 96, 32 / 96)).toBeLessThan(1e-6);
  expect(largestDifference(1 / 2, 1 / 2)).toBeGreaterThan(1e-3);
});

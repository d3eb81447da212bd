import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npyHeader } from '@gantry/core';
import { MODEL_NAMES, modelManifest, type ModelName } from '@gantry/models';
import { describe, expect, it } from 'vitest';
import { Cluster, eventsOf, type ClusterRun } from './support/cluster.ts';
import { temporaryDirectory, trainedDigest } from './support/gantry.ts';

/** Six batches of three shards, without a smaller one at the end: each size takes a compilation. */
const IMAGES = 36;
const BATCH = 6;
const SHARD_SIZE = 2;
const CLASSES = 3;

/** Images of the model's size, no two alike and always the same, and labels. @returns the folder */
function imagesFor(model: ModelName): string {
  const { phases } = modelManifest(model);
  const images = phases[0]?.inputs.find(({ name }) => name === 'images');
  if (!images) throw new Error(`${model} takes no images`);
  const shape = [IMAGES, ...images.shape];
  // Multiplied by the golden ratio's fraction, the numbers spread evenly over 32 bits (Knuth).
  const pixels = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const labels = Uint8Array.from({ length: IMAGES }, (_, i) => i % CLASSES);
  const folder = temporaryDirectory();
  writeFileSync(join(folder, 'images.npy'), Buffer.concat([npyHeader(shape), pixels]));
  writeFileSync(join(folder, 'labels.npy'), Buffer.concat([npyHeader([IMAGES]), labels]));
  return folder;
}

function runOf(model: ModelName): ClusterRun {
  const rounds = modelManifest(model).phases.reduce((sum, { times }) => sum + times, 0);
  return {
    options: `--model ${model} --seed 7 --batch ${BATCH} --shard-size ${SHARD_SIZE} --checkpoint-every 2`.split(' '),
    data: ['--data', imagesFor(model)],
    imagesPerEpoch: IMAGES,
    stepsPerEpoch: IMAGES / BATCH / rounds,
    roundsPerStep: rounds,
  };
}

describe.each(MODEL_NAMES)('the weights of %s', (model) => {
  const run = runOf(model);

  it.each([
    ['in synchronous steps', []],
    ['in local steps over int8', ['--local-steps', '4', '--wire', 'int8']],
  ])('%s are those of one process, by any workers, whatever is killed', async (_, scheme) => {
    const cluster = new Cluster(scheme, run);
    const [, , dies] = await cluster.workers('stays', 'remains', 'dies');
    await cluster.steps(1);
    dies?.process.kill('SIGKILL');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'dies');
    await cluster.event(({ type, step }) => type === 'checkpoint' && step > 0);
    // Compares with a run without workers.
    const { epochs, digest } = await cluster.finish(['stays', 'remains'], 'SIGKILL');
    expect(eventsOf(cluster.path).find(({ type }) => type === 'resumed')?.step).toBeGreaterThan(0);

    const options = [...run.options, ...run.data, ...scheme, '--epochs', `${epochs}`];
    const digests = [1, 3].map((workers) => trainedDigest(...options, '--workers', `${workers}`));
    expect(await Promise.all(digests)).toEqual([digest, digest]);
  });
});

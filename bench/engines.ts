/**
 * Gradient steps per second by engine and shard size, on one thread:
 *
 *     npm run bench:engines            the onnx engine at shard sizes 32, 64, 128, 256, and the tfjs reference
 *
 * Sizes are interleaved, so that a machine whose speed drifts treats them alike; medians with the range are printed.
 */
import { cpus } from 'node:os';
import { compileTraining } from '@gantry/coordinator';
import { IMAGE_PIXELS, initialState, parameterManifest, shardInputs, type GradientEngine } from '@gantry/core';
import { createEngine } from '@gantry/worker';

const SHARD_SIZES = [32, 64, 128, 256];
const WARM_UP_ROUNDS = 2;
const ROUNDS = 9;
const REFERENCE_SAMPLES = 2;

const manifest = parameterManifest();
const { weights } = initialState(manifest, 0);

async function loaded(name: 'onnx' | 'tfjs', samples: number): Promise<GradientEngine> {
  const engine = await createEngine(name);
  await engine.load(compileTraining({ images: samples, epochs: 1, batch: samples, shardSize: samples }, 0));
  await engine.setWeights(weights);
  return engine;
}

/** Images per second of one step; noise and masks are part of the work. */
async function measure(engine: GradientEngine, samples: number, step: number): Promise<number> {
  const begin = performance.now();
  const images = new Uint8Array(samples * IMAGE_PIXELS);
  await engine.gradients(shardInputs({ step, index: 0, first: 0, images }, 0));
  return (samples * 1000) / (performance.now() - begin);
}

function row(engine: string, samples: number, rates: number[]): string {
  const sorted = rates.toSorted((a, b) => a - b);
  const [low, median, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((x) =>
    (x ?? NaN).toPrecision(3),
  );
  return `| ${engine} | ${samples} | ${median} | ${low}–${high} |`;
}

const engines = await Promise.all(SHARD_SIZES.map((samples) => loaded('onnx', samples)));
const rates = SHARD_SIZES.map((): number[] => []);
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  for (const [i, engine] of engines.entries()) {
    const rate = await measure(engine, SHARD_SIZES[i] ?? 0, round);
    if (round >= WARM_UP_ROUNDS) rates[i]?.push(rate);
  }
}
const reference = await loaded('tfjs', REFERENCE_SAMPLES);
const referenceRate = await measure(reference, REFERENCE_SAMPLES, 0);

console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}, one thread`);
console.log('| engine | shard size | images/s, median | range |\n|---|---|---|---|');
for (const [i, samples] of SHARD_SIZES.entries()) console.log(row('onnx, cpu', samples, rates[i] ?? []));
console.log(row('tfjs reference', REFERENCE_SAMPLES, [referenceRate]));

/**
 * ONNX Runtime's session by itself, one thread, the gradients of 64 images: where its time goes, how near its products come
 * to the machine's fastest one, and what its options do.
 *
 *     npm run bench:session                 nine rounds, a minute or two; writes bench/results/session.json
 *     npm run bench:session -- --rounds 3   so many instead
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, digits, machineText, spread, spreadText, table, temporaryDirectory } from '@gantry/cli/bench';
import { compile } from '@gantry/compiler';
import * as ort from '@gantry/compiler/onnx-runtime';
import { compileTraining } from '@gantry/coordinator';
import { batchInputs, initialState, newContribution, sampleBytes } from '@gantry/core';
import { manifestOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { OnnxEngine } from '@gantry/worker/portable';
import * as tf from '@tensorflow/tfjs-core';
import { roundsOf } from './support/contest.ts';
import { partsOf, type Part } from './support/session-profile.ts';

const SAMPLES = 64;
const WARM_UPS = 3;
const PROFILED_RUNS = 10;
const SHOWN = 14;
/** Side of the square matrices whose product counts as the fastest there is. */
const SIDE = 1024;

/** As the engine sets them. */
const USUAL: ort.InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  enableMemPattern: false,
};
const VARIANTS: Readonly<Record<string, ort.InferenceSession.SessionOptions>> = {
  'as it is': {},
  'graphOptimizationLevel: extended': { graphOptimizationLevel: 'extended' },
  'graphOptimizationLevel: basic': { graphOptimizationLevel: 'basic' },
  'graphOptimizationLevel: disabled': { graphOptimizationLevel: 'disabled' },
  'enableMemPattern: true': { enableMemPattern: true },
  'enableCpuMemArena: false': { enableCpuMemArena: false },
  'executionMode: parallel': { executionMode: 'parallel' },
};

const { values: flags } = parseArgs({ options: { rounds: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, 9);
const machine = describeMachine();
const model = dcgan();
const manifest = manifestOf(model);
const program = compileTraining(model, { images: SAMPLES, epochs: 1, batch: SAMPLES, shardSize: SAMPLES }, 0);
const inputs = batchInputs(
  { step: 0, iteration: 0, first: 0, samples: SAMPLES },
  new Uint8Array(SAMPLES * sampleBytes(manifest)).fill(90),
  manifest,
  0,
);

/** An engine with other session options, and its session. */
async function start(options: ort.InferenceSession.SessionOptions) {
  let session: ort.InferenceSession | undefined;
  const engine = new OnnxEngine({
    Tensor: ort.Tensor,
    fillsOutputs: true,
    open: async (onnx) => (session = await ort.InferenceSession.create(onnx, { ...USUAL, ...options })),
  });
  await engine.load(program);
  await engine.setWeights(initialState(manifest, 0).weights);
  const leaf = newContribution(manifest, inputs.phase);
  for (let i = 0; i < WARM_UPS; i++) await engine.gradients(inputs, leaf);
  const run = async () => {
    const begin = performance.now();
    await engine.gradients(inputs, leaf);
    return performance.now() - begin;
  };
  return { run, session: session as unknown as ort.InferenceSession };
}

/** GFLOP/s of the product of two square matrices, at its best. */
async function fastestProduct(): Promise<number> {
  const square = { shape: [SIDE, SIDE] };
  const { onnx } = compile(({ a, b }) => ({ product: tf.matMul(a as tf.Tensor, b as tf.Tensor) }), {
    inputs: { a: square, b: square },
  });
  const session = await ort.InferenceSession.create(onnx, USUAL);
  const matrix = new ort.Tensor('float32', new Float32Array(SIDE * SIDE).fill(0.5), [SIDE, SIDE]);
  let bestMs = Infinity;
  for (let i = 0; i < PROFILED_RUNS; i++) {
    const begin = performance.now();
    await session.run({ a: matrix, b: matrix });
    bestMs = Math.min(bestMs, performance.now() - begin);
  }
  await session.release();
  return (2 * SIDE ** 3) / 1e6 / bestMs;
}

async function profile() {
  const prefix = join(temporaryDirectory(), 'profile');
  const { run, session } = await start({ enableProfiling: true, profileFilePrefix: prefix });
  for (let i = 0; i < PROFILED_RUNS; i++) await run();
  session.endProfiling();
  const [file = ''] = readdirSync(dirname(prefix));
  return partsOf(join(dirname(prefix), file), PROFILED_RUNS, WARM_UPS);
}

async function compareOptions() {
  const times = new Map<string, number[]>();
  const started = [];
  for (const [name, options] of Object.entries(VARIANTS)) started.push({ name, ...(await start(options)) });
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of started) {
      // After another session had the caches, the first run is not counted.
      await run();
      times.set(name, [...(times.get(name) ?? []), await run()]);
    }
  }
  return [...times].map(([name, samples]) => ({ name, ms: spread(samples) }));
}

const peak = await fastestProduct();
const { operators, products } = await profile();
const options = await compareOptions();
const total = operators.reduce((sum, { ms }) => sum + ms, 0);
const speedOf = ({ gflop = NaN, ms }: Part) => (gflop * 1000) / ms;
const share = (ratio: number) => `${Math.round(100 * ratio)}%`;

console.log(`${machineText(machine)}; a product of ${SIDE}×${SIDE} matrices reaches ${digits(peak)} GFLOP/s\n`);
console.log(
  table(
    ['operator', 'nodes', 'ms', 'share'],
    operators.slice(0, SHOWN).map((each) => [each.name, digits(each.count), digits(each.ms), share(each.ms / total)]),
  ),
);
console.log();
console.log(
  table(
    ['product', 'times', 'ms', 'GFLOP/s', 'of the fastest'],
    products
      .slice(0, SHOWN)
      .map((each) => [
        each.name,
        digits(each.count),
        digits(each.ms),
        digits(speedOf(each)),
        share(speedOf(each) / peak),
      ]),
  ),
);
console.log();
console.log(
  table(
    ['session options', 'ms, median (range)'],
    options.map(({ name, ms }) => [name, spreadText(ms)]),
  ),
);
const file = new URL('results/session.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ machine, peakGflops: peak, operators, products, options }, undefined, 2)}\n`);

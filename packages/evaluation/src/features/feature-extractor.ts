import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { compile } from '@gantry/compiler';
import { GantryError, decodeSafetensors, type NamedTensor } from '@gantry/core';
import { disposeModel, variablesOf } from '@gantry/core/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';
import { openProgram, type Feed, type InferenceProgram } from '../pictures/inference-program.ts';
import type { Pictures } from '../pictures/pictures.ts';
import type { PictureEngine } from '../picture-engines.ts';
import { CLASSES, FEATURES, classify, mnistClassifier } from './classifier.ts';

/** Of the weights that ship: features by others have another name. `npm run train:classifier` prints it. */
const WEIGHTS_SHA256 = '95b70ede4348bced54f87eaf00f1593be3e9029448f2bf3c69b0b1d2ec8b941a';

/** Pictures in one run of the compiled network. */
const BATCH = 100;
const SIDE = 28;

/** A trained network that tells features and classes, as data: it can be sent to another thread. */
export interface FeatureSource {
  /** With the hash of the weights: equal names give equal features. */
  readonly name: string;
  /** ONNX: `images` [BATCH,28,28,1] and the weights to `features` [BATCH,64] and `logits` [BATCH,10]. */
  readonly onnx: Uint8Array;
  readonly weights: readonly NamedTensor[];
}

/** What a feature network tells of pictures. */
export interface Features {
  readonly count: number;
  /** [count, FEATURES] */
  readonly features: Float32Array;
  /** [count, CLASSES] */
  readonly logits: Float32Array;
}

/**
 * The classifier of MNIST's digits that ships with Gantry, compiled.
 * @throws GantryError E_ENGINE if its weights are missing or damaged
 */
export async function mnistFeatures(): Promise<FeatureSource> {
  const file = createRequire(import.meta.url).resolve('#weights/mnist-classifier.safetensors');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new GantryError('E_ENGINE', `${file} cannot be read: install Gantry again`, { cause });
  });
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== WEIGHTS_SHA256) throw new GantryError('E_ENGINE', `${file} is damaged: install Gantry again`);
  const { tensors } = decodeSafetensors(bytes);
  const model = mnistClassifier();
  try {
    const network = model.networks['classifier'];
    if (!network) throw new TypeError('the classifier has no network of that name');
    const variables = Object.fromEntries(variablesOf(network, true).map(({ name, variable }) => [name, variable]));
    const { onnx } = compile(({ images }) => ({ ...classify(network, images as Tensor) }), {
      inputs: { images: { shape: [BATCH, SIDE, SIDE, 1] } },
      variables,
    });
    return { name: `mnist-classifier-${hash.slice(0, 8)}`, onnx, weights: tensors };
  } finally {
    disposeModel(model);
  }
}

/** Tells the features of pictures. */
export class FeatureExtractor {
  readonly #program: Promise<InferenceProgram>;
  readonly #weights: Readonly<Record<string, Feed>>;

  constructor({ onnx, weights }: FeatureSource, engine: PictureEngine) {
    this.#program = openProgram(onnx, ['features', 'logits'], engine);
    // Whoever extracts is told.
    this.#program.catch(() => undefined);
    this.#weights = Object.fromEntries(weights.map(({ name, shape, data }) => [name, { values: data, shape }]));
  }

  /**
   * @param parts of pictures [_,28,28,1], together `count`
   * @throws GantryError E_DATASET for pictures of another size, E_DIVERGED for those that are no numbers
   */
  async extract(parts: AsyncIterable<Pictures> | Iterable<Pictures>, count: number): Promise<Features> {
    const program = await this.#program;
    const size = SIDE * SIDE;
    const images = new Float32Array(BATCH * size);
    const outputs = { features: new Float32Array(BATCH * FEATURES), logits: new Float32Array(BATCH * CLASSES) };
    const all = { features: new Float32Array(count * FEATURES), logits: new Float32Array(count * CLASSES) };
    let [waiting, done] = [0, 0];
    const run = async () => {
      await program.run({ ...this.#weights, images: { values: images, shape: [BATCH, SIDE, SIDE, 1] } }, outputs);
      all.features.set(outputs.features.subarray(0, waiting * FEATURES), done * FEATURES);
      all.logits.set(outputs.logits.subarray(0, waiting * CLASSES), done * CLASSES);
      done += waiting;
      waiting = 0;
    };
    for await (const { shape, values } of parts) {
      if (shape.slice(1).join() !== [SIDE, SIDE, 1].join()) {
        throw new GantryError('E_DATASET', `pictures of ${shape.slice(1).join('×')} where the features are of 28×28×1`);
      }
      for (let taken = 0; taken < values.length;) {
        const part = values.subarray(taken, taken + (BATCH - waiting) * size);
        images.set(part, waiting * size);
        taken += part.length;
        waiting += part.length / size;
        if (waiting === BATCH) await run();
      }
    }
    // What the last rows hold beyond is of pictures before: their results are dropped.
    if (waiting > 0) await run();
    if (!all.logits.every(Number.isFinite) || !all.features.every(Number.isFinite)) {
      throw new GantryError('E_DIVERGED', 'the pictures hold numbers that are not finite');
    }
    return { count, ...all };
  }

  async dispose(): Promise<void> {
    await (await this.#program.catch(() => undefined))?.dispose();
  }
}

import * as ort from 'onnxruntime-node';
import { IMAGE_PIXELS, NOISE_SIZE, Stream, fillNormal, viewOf, type Parameter, type ModelManifest } from '@gantry/core';
import { compileGenerator } from './programs.ts';

/** Pictures in a sample grid, and in one run of the compiled generator. */
export const GRID_PICTURES = 16;

/** The generator's part of a training state. */
export interface GeneratorWeights {
  /** As `manifest.trainable`. */
  readonly weights: Float32Array;
  /** As `manifest.movingStatistics`. */
  readonly movingStatistics: Float32Array;
}

/** Noise [count,100] of the first pictures of the sequence that belongs to a seed. */
export function pictureNoise(seed: number, count: number): Float32Array {
  const noise = new Float32Array(count * NOISE_SIZE);
  for (let i = 0; i < count; i++) {
    fillNormal(noise.subarray(i * NOISE_SIZE, (i + 1) * NOISE_SIZE), seed, Stream.pictures, 0, i);
  }
  return noise;
}

/** Draws pictures with the generator in inference mode, in which batch normalization uses the moving statistics. */
export class PictureRenderer {
  readonly #manifest: ModelManifest;
  readonly #session: Promise<ort.InferenceSession>;

  constructor(manifest: ModelManifest) {
    this.#manifest = manifest;
    this.#session = ort.InferenceSession.create(compileGenerator(GRID_PICTURES), { intraOpNumThreads: 1 });
  }

  /**
   * Draws one picture for each row of noise.
   * @param noise [count,100]
   * @returns [count,28,28] in [−1, 1]
   */
  async render({ weights, movingStatistics }: GeneratorWeights, noise: Float32Array): Promise<Float32Array> {
    const session = await this.#session;
    const feeds = {
      ...feed(weights, this.#manifest.trainable),
      ...feed(movingStatistics, this.#manifest.movingStatistics),
    };
    const count = noise.length / NOISE_SIZE;
    const pictures = new Float32Array(count * IMAGE_PIXELS);
    for (let done = 0; done < count; done += GRID_PICTURES) {
      // The graph's shapes are fixed: the last rows are filled up with zeros and what they give is dropped.
      const rows = new Float32Array(GRID_PICTURES * NOISE_SIZE);
      rows.set(noise.subarray(done * NOISE_SIZE, (done + GRID_PICTURES) * NOISE_SIZE));
      const { images } = await session.run({
        ...feeds,
        noise: new ort.Tensor('float32', rows, [GRID_PICTURES, NOISE_SIZE]),
      });
      const drawn = Math.min(GRID_PICTURES, count - done);
      const values = images?.data;
      if (!(values instanceof Float32Array)) throw new TypeError('the compiled generator gave no float32 images');
      pictures.set(values.subarray(0, drawn * IMAGE_PIXELS), done * IMAGE_PIXELS);
    }
    return pictures;
  }

  async dispose(): Promise<void> {
    await (await this.#session).release();
  }
}

/** The generator's parameters as inputs of the compiled generator. */
function feed(flat: Float32Array, parameters: readonly Parameter[]): Record<string, ort.Tensor> {
  return Object.fromEntries(
    parameters
      .filter(({ name }) => name.startsWith('generator/'))
      .map((parameter) => [parameter.name, new ort.Tensor('float32', viewOf(flat, parameter), parameter.shape)]),
  );
}

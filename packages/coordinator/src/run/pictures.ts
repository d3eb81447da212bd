import {
  Stream,
  fillNormal,
  networkNamed,
  networkOf,
  pictureNumbers,
  sizeOf,
  viewOf,
  type ModelManifest,
  type NetworkManifest,
  type Parameter,
  type Section,
  type TrainingState,
  type WeightAverage,
} from '@gantry/core';
import { manifestOf, type Model } from '@gantry/core/tfjs';
import { openPictureProgram, type Feed, type PictureEngine, type PictureProgram } from './picture-program.ts';
import { compileGenerator, previewOf } from './programs.ts';
import type { Pictures } from './samples.ts';

/** Pictures in a sample grid, and in one run of the compiled generator. */
export const GRID_PICTURES = 16;

/** Draws pictures with the generator in inference mode, in which batch normalization uses the moving statistics. */
export class PictureRenderer {
  readonly #manifest: ModelManifest;
  readonly #network: NetworkManifest;
  readonly #noiseShape: readonly number[];
  readonly #imageShape: readonly number[];
  readonly #program: Promise<PictureProgram>;

  /** @param engine that of the run, so that equal weights give equal pictures */
  constructor(model: Model, engine: PictureEngine) {
    const { noiseShape, imageShape } = previewOf(model);
    this.#manifest = manifestOf(model);
    this.#network = networkNamed(this.#manifest, model.preview.network);
    this.#noiseShape = noiseShape;
    this.#imageShape = imageShape;
    this.#program = openPictureProgram(compileGenerator(model, GRID_PICTURES), engine);
    // Whoever draws is told.
    this.#program.catch(() => undefined);
  }

  /**
   * Draws the first pictures of the sequence that belongs to a seed.
   * @param numbers of the network that makes them
   * @returns values in [−1, 1]
   */
  async render(numbers: WeightAverage, seed: number, count: number): Promise<Pictures> {
    const values = new Float32Array(count * sizeOf(this.#imageShape));
    let filled = 0;
    for await (const part of this.renderInParts(numbers, seed, count)) {
      values.set(part.values, filled);
      filled += part.values.length;
    }
    return { shape: [count, ...this.#imageShape], values };
  }

  /** The same, `GRID_PICTURES` at a time or fewer. */
  async *renderInParts({ weights, statistics }: WeightAverage, seed: number, count: number): AsyncGenerator<Pictures> {
    const program = await this.#program;
    const feeds = {
      ...this.#feed(weights, this.#manifest.trainable, this.#network.weights),
      ...this.#feed(statistics, this.#manifest.movingStatistics, this.#network.statistics),
    };
    const [noiseSize, imageSize] = [sizeOf(this.#noiseShape), sizeOf(this.#imageShape)];
    const images = new Float32Array(GRID_PICTURES * imageSize);
    for (let done = 0; done < count; done += GRID_PICTURES) {
      const drawn = Math.min(GRID_PICTURES, count - done);
      // The graph's shapes are fixed: what the last rows give beyond the count is dropped.
      const rows = new Float32Array(GRID_PICTURES * noiseSize);
      for (let i = 0; i < drawn; i++) {
        fillNormal(rows.subarray(i * noiseSize, (i + 1) * noiseSize), seed, Stream.pictures, 0, done + i);
      }
      const noise: Feed = { values: rows, shape: [GRID_PICTURES, ...this.#noiseShape] };
      await program.draw({ ...feeds, noise }, images);
      yield { shape: [drawn, ...this.#imageShape], values: images.slice(0, drawn * imageSize) };
    }
  }

  /** The same with the present weights of a run, or their average where one is kept. */
  renderState(state: TrainingState, seed: number, count: number): Promise<Pictures> {
    return this.render(pictureNumbers(state, this.#manifest, this.#network.name), seed, count);
  }

  async dispose(): Promise<void> {
    await (await this.#program.catch(() => undefined))?.dispose();
  }

  /** The network's parameters as inputs of the compiled generator. */
  #feed(flat: Float32Array, parameters: readonly Parameter[], section: Section): Record<string, Feed> {
    return Object.fromEntries(
      parameters
        .filter((parameter) => networkOf(parameter) === this.#network.name)
        .map(({ name, shape, offset, size }) => {
          const values = viewOf(flat, { offset: offset - section.offset, size });
          return [name, { values, shape }];
        }),
    );
  }
}

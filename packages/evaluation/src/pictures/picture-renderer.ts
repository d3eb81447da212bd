import { Stream, fillNormal, sizeOf, viewOf, type Parameter, type Section, type WeightAverage } from '@gantry/core';
import type { PictureEngine } from '../picture-engines.ts';
import { labelInTurn } from './label-in-turn.ts';
import { openProgram, type Feed, type InferenceProgram } from './inference-program.ts';
import { joinedPictures } from './joined-pictures.ts';
import { RECALIBRATION_BATCH, type PictureSource } from './picture-source.ts';
import type { Pictures } from './pictures.ts';

/** Batches of noise by which statistics are recalibrated. */
const RECALIBRATIONS = 16;
/** The place of their noise among draws: no other draw has it. */
const RECALIBRATION_DRAW = 2 ** 32 - 1;

/** The numbers of the network that makes pictures. */
export type GeneratorNumbers = Pick<WeightAverage, 'weights' | 'statistics'>;

/** Which pictures: equal places give equal noise. */
export interface PicturePlace {
  readonly seed: number;
  /** One of several sequences of a seed. Default: 0, that of sample grids and `gantry generate`. */
  readonly draw?: number;
  /** Of a model with classes: of which the pictures are, one after the other and then from the first again. Default: all in turn. */
  readonly labels?: readonly number[] | undefined;
  /** After so many pictures, the same noise comes again. Default: never. */
  readonly noises?: number;
}

/** Which rows a program gets. */
interface Rows {
  readonly first: number;
  readonly count: number;
  /** Those beyond the count are zeros. */
  readonly rows: number;
}

/** Draws pictures with the generator in inference mode, in which batch normalization does not look at the batch. */
export class PictureRenderer {
  readonly #source: PictureSource;
  readonly #draw: Promise<InferenceProgram>;
  readonly #recalibrate: Promise<InferenceProgram> | undefined;

  /** @param engine that of the run, so that equal weights give equal pictures */
  constructor(source: PictureSource, engine: PictureEngine) {
    const { draw, recalibrate, movingStatistics } = source;
    this.#source = source;
    this.#draw = openProgram(draw, ['images'], engine);
    const statistics = movingStatistics.map(({ name }) => name);
    this.#recalibrate = recalibrate && openProgram(recalibrate, statistics, engine);
    // Whoever draws is told.
    this.#draw.catch(() => undefined);
    this.#recalibrate?.catch(() => undefined);
  }

  /**
   * Draws the first pictures of a sequence.
   * @returns values in [−1, 1]
   * @throws GantryError E_ENGINE where nothing can compute
   */
  render(numbers: GeneratorNumbers, place: PicturePlace, count: number): Promise<Pictures> {
    return joinedPictures(this.renderInParts(numbers, place, count), count);
  }

  /** The same, one batch at a time. */
  async *renderInParts(
    { weights, statistics }: GeneratorNumbers,
    place: PicturePlace,
    count: number,
  ): AsyncGenerator<Pictures> {
    const { network, movingStatistics, imageShape, batch } = this.#source;
    const program = await this.#draw;
    const weightFeeds = feedsOf(weights, this.#source.trainable, network.weights);
    const used = await this.#statisticsFor(weightFeeds, statistics);
    const feeds = { ...weightFeeds, ...feedsOf(used, movingStatistics, network.statistics) };
    const imageSize = sizeOf(imageShape);
    const images = new Float32Array(batch * imageSize);
    for (let done = 0; done < count; done += batch) {
      const drawn = Math.min(batch, count - done);
      // The graph's shapes are fixed: what the last rows give beyond the count is dropped.
      const inputs = this.#inputs(place, { first: done, count: drawn, rows: batch });
      await program.run({ ...feeds, ...inputs }, { images });
      yield { shape: [drawn, ...imageShape], values: images.slice(0, drawn * imageSize) };
    }
  }

  async dispose(): Promise<void> {
    for (const program of [this.#draw, this.#recalibrate]) await (await program?.catch(() => undefined))?.dispose();
  }

  /** What pictures are made of besides the numbers: noise, and labels of a model with classes. */
  #inputs(place: PicturePlace, rows: Rows): Record<string, Feed> {
    const { classes } = this.#source;
    const noise = this.#noise(place, rows);
    return classes === undefined ? { noise } : { noise, labels: labelsFor(place, rows, classes) };
  }

  #noise({ seed, draw = 0, noises = Infinity }: PicturePlace, { first, count, rows }: Rows): Feed {
    const { noiseShape } = this.#source;
    const size = sizeOf(noiseShape);
    const values = new Float32Array(rows * size);
    for (let i = 0; i < count; i++) {
      fillNormal(values.subarray(i * size, (i + 1) * size), seed, Stream.pictures, draw, (first + i) % noises);
    }
    return { values, shape: [rows, ...noiseShape] };
  }

  /** The given statistics, or those of the weights: means over batches, as moving ones are. */
  async #statisticsFor(weightFeeds: Record<string, Feed>, given: Float32Array): Promise<Float32Array> {
    const program = await this.#recalibrate;
    if (!program) return given;
    const { network, movingStatistics } = this.#source;
    const one = new Float32Array(given.length);
    const sum = new Float64Array(given.length);
    const outputs = Object.fromEntries(
      Object.entries(feedsOf(one, movingStatistics, network.statistics)).map(([name, { values }]) => [name, values]),
    );
    const rows = RECALIBRATION_BATCH;
    for (let i = 0; i < RECALIBRATIONS; i++) {
      const inputs = this.#inputs({ seed: 0, draw: RECALIBRATION_DRAW }, { first: i * rows, count: rows, rows });
      await program.run({ ...weightFeeds, ...inputs }, outputs);
      for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) + (one[j] as number);
    }
    return Float32Array.from(sum, (total) => total / RECALIBRATIONS);
  }
}

/** One-hot rows. */
function labelsFor({ labels }: PicturePlace, { first, count, rows }: Rows, classes: number): Feed {
  const values = new Float32Array(rows * classes);
  for (let i = 0; i < count; i++) {
    const label = labels ? (labels[(first + i) % labels.length] ?? 0) : labelInTurn(first + i, classes);
    values[i * classes + label] = 1;
  }
  return { values, shape: [rows, classes] };
}

/** A network's parameters as inputs of a compiled function. @param flat the network's part, which begins at `section` */
function feedsOf(flat: Float32Array, parameters: readonly Parameter[], section: Section): Record<string, Feed> {
  return Object.fromEntries(
    parameters.map(({ name, shape, offset, size }) => [
      name,
      { values: viewOf(flat, { offset: offset - section.offset, size }), shape },
    ]),
  );
}

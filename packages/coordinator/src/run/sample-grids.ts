import { GantryError, takeImages, type ImageSet, type WeightAverage } from '@gantry/core';
import { realPictures, type PictureRenderer } from '@gantry/evaluation';
import { loadSharp } from '../images/sharp.ts';
import type { RunDirectory } from '../storage/run-directory.ts';
import { GRID_PICTURES, gridPng, sortPictures, writeGif } from './samples.ts';

/** Of a grid with a row for each class. */
const GRID_COLUMNS = 8;

export interface SampleGridsParts {
  readonly renderer: PictureRenderer;
  readonly directory: RunDirectory;
  /** Of the run: all grids are of the same noise. */
  readonly seed: number;
  /** Of the model: a grid has a row of each. */
  readonly classes: number | undefined;
  /** Something a user should know, in one line. */
  readonly notice: (text: string) => void;
}

/** The pictures of a run directory. */
export class SampleGrids {
  readonly #parts: SampleGridsParts;

  private constructor(parts: SampleGridsParts) {
    this.#parts = parts;
  }

  /** @returns undefined where nothing can write pictures, which is said: training needs none */
  static async open(parts: SampleGridsParts): Promise<SampleGrids | undefined> {
    try {
      await loadSharp();
      return new SampleGrids(parts);
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      parts.notice(`there are no sample grids: ${error.message}`);
      return undefined;
    }
  }

  /** Draws the grid of an epoch; of a model with classes, a row of each, all of the same noise. @param epoch 0 before training @returns the file's path */
  async write(epoch: number, numbers: WeightAverage): Promise<string> {
    const { renderer, directory, seed, classes } = this.#parts;
    if (classes === undefined) {
      return directory.writeSample(epoch, await gridPng(await renderer.render(numbers, { seed }, GRID_PICTURES)));
    }
    const labels = Array.from({ length: classes * GRID_COLUMNS }, (_, i) => Math.floor(i / GRID_COLUMNS));
    const pictures = await renderer.render(numbers, { seed, labels, noises: GRID_COLUMNS }, labels.length);
    return directory.writeSample(epoch, await gridPng(pictures, GRID_COLUMNS));
  }

  /** Draws the grid of the first real images. */
  async writeReal(real: ImageSet): Promise<void> {
    const [first] = realPictures(takeImages(real, Math.min(GRID_PICTURES, real.count)));
    if (first) await this.#parts.directory.writeRealImages(await gridPng(first));
  }

  /** Makes the animation of all grids. @returns paths of those that cannot be read: it goes without */
  async animate(): Promise<readonly string[]> {
    const { directory } = this.#parts;
    const { readable, unreadable } = await sortPictures(await directory.sampleFiles());
    if (readable.length > 0) await writeGif(readable, directory.gifFile);
    return unreadable;
  }
}

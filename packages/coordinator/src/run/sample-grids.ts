import { GantryError, takeImages, type ImageSet, type WeightAverage } from '@gantry/core';
import { realPictures, type PictureRenderer } from '@gantry/evaluation';
import { loadSharp } from '../images/sharp.ts';
import type { RunDirectory } from '../storage/run-directory.ts';
import { GRID_PICTURES, gridPng, sortPictures, writeGif } from './samples.ts';

export interface SampleGridsParts {
  readonly renderer: PictureRenderer;
  readonly directory: RunDirectory;
  /** Of the run: all grids are of the same noise. */
  readonly seed: number;
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

  /** Draws the grid of an epoch. @param epoch 0 before training @returns the file's path */
  async write(epoch: number, numbers: WeightAverage): Promise<string> {
    const { renderer, directory, seed } = this.#parts;
    return directory.writeSample(epoch, await gridPng(await renderer.render(numbers, { seed }, GRID_PICTURES)));
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

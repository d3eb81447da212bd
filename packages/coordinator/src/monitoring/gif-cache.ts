import { encodeGif, sortPictures } from '../run/samples.ts';

/** The animation of the sample grids so far: made when somebody asks, one at a time, and kept until there are more. */
export class GifCache {
  #made: { readonly frames: number; readonly gif: Promise<Buffer> } | undefined;

  /** @param files sample grids by epoch, at least one of which can be read: the others are left out */
  async get(files: readonly string[]): Promise<Buffer> {
    while (this.#made?.frames !== files.length) {
      // Two at a time would take the cores from the run.
      const before = this.#made;
      await before?.gif.catch(() => undefined);
      if (this.#made === before) this.#made = { frames: files.length, gif: readableGif(files) };
    }
    const made = this.#made;
    try {
      return await made.gif;
    } catch (error) {
      if (this.#made === made) this.#made = undefined;
      throw error;
    }
  }
}

async function readableGif(files: readonly string[]): Promise<Buffer> {
  return encodeGif((await sortPictures(files)).readable);
}

import { GantryError, KeptImages, imagesIn } from '@gantry/core';

const BLOCK_BYTES = 2 ** 24;

/** The images that a worker keeps, so that each is sent to it once; they are gone with the connection. */
export class ImageStore {
  readonly #imageBytes: number;
  readonly #kept: KeptImages;
  readonly #perBlock: number;
  /** Made as they are needed. */
  readonly #blocks: Uint8Array[] = [];

  /** @param cacheBytes that they may take */
  constructor(cacheBytes: number, imageBytes: number) {
    this.#imageBytes = imageBytes;
    const capacity = imagesIn(cacheBytes, imageBytes);
    this.#kept = new KeptImages(capacity);
    this.#perBlock = Math.max(1, Math.min(capacity, Math.floor(BLOCK_BYTES / imageBytes)));
  }

  /**
   * The data of a unit's samples.
   * @param payload their numbers, and the data of those that are not here, each once
   * @throws GantryError E_BAD_SHAPE if the payload has not the data of exactly those
   */
  load(payload: Uint8Array, samples: number): Uint8Array<ArrayBuffer> {
    const size = this.#imageBytes;
    // Not slice(): that of a Node Buffer would share its memory.
    const numbers = new Uint32Array(Uint8Array.from(payload.subarray(0, 4 * samples)).buffer);
    const sent = payload.subarray(4 * samples);
    const data = new Uint8Array(samples * size);
    /** Where in `sent` lies what came with this unit. */
    const fresh = new Map<number, number>();
    let next = 0;
    numbers.forEach((number, i) => {
      const place = fresh.has(number) ? undefined : this.#kept.placeOf(number);
      if (place !== undefined) {
        data.set(this.#at(place), i * size);
        return;
      }
      const from = fresh.get(number) ?? next;
      if (from === next) {
        next += size;
        if (next > sent.length) throw lacking(number);
        fresh.set(number, from);
        const kept = this.#kept.add(number);
        if (kept !== undefined) this.#at(kept).set(sent.subarray(from, next));
      }
      data.set(sent.subarray(from, from + size), i * size);
    });
    if (next < sent.length) throw new GantryError('E_BAD_SHAPE', 'images came with a unit that are here already');
    return data;
  }

  #at(place: number): Uint8Array {
    const block = (this.#blocks[Math.floor(place / this.#perBlock)] ??= new Uint8Array(
      this.#perBlock * this.#imageBytes,
    ));
    const begin = (place % this.#perBlock) * this.#imageBytes;
    return block.subarray(begin, begin + this.#imageBytes);
  }
}

function lacking(number: number): GantryError {
  return new GantryError('E_BAD_SHAPE', `image ${number} came neither with a unit nor before`);
}

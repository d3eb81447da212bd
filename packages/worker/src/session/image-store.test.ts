import { KeptImages, imagesIn } from '@gantry/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImageStore } from './image-store.ts';

const COUNT = 24;

/** No two of the images have the same bytes. */
function imageOf(number: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => (i === 0 ? number : 31 * number + i) & 255);
}

/** What travels of a unit: its numbers, and the data of some of them. */
function payloadOf(numbers: readonly number[], sent: readonly number[], size: number): Uint8Array {
  return Uint8Array.of(
    ...new Uint8Array(Uint32Array.from(numbers).buffer),
    ...sent.flatMap((number) => imageOf(number, size)),
  );
}

/** The bytes at an address that is no multiple of 4, as those of a socket. */
function fromSocket(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(1), bytes]).subarray(1);
}

const units = fc.array(fc.array(fc.nat(COUNT - 1), { minLength: 1, maxLength: 10 }), { maxLength: 20 });
const sizes = fc.integer({ min: 1, max: 5 });

describe('ImageStore', () => {
  it("gives each unit's data, whatever was sent before and however many images there is room for", () => {
    fc.assert(
      fc.property(units, sizes, fc.nat(5 * (COUNT + 2)), (sequence, size, cacheBytes) => {
        const store = new ImageStore(cacheBytes, size);
        const sender = new KeptImages(imagesIn(cacheBytes, size));
        let sentImages = 0;
        for (const numbers of sequence) {
          const sent = sender.missing(numbers);
          sentImages += sent.length;
          const payload = fromSocket(payloadOf(numbers, sent, size));
          const data = store.load(payload, numbers.length);
          expect([...data]).toEqual(numbers.flatMap((number) => imageOf(number, size)));
          // A socket's memory is used again.
          payload.fill(0);
          expect(data[0]).toBe(numbers[0]);
        }
        const different = new Set(sequence.flat()).size;
        if (imagesIn(cacheBytes, size) >= different) expect(sentImages).toBe(different);
      }),
    );
  });

  it('refuses a unit that comes with any other images than those that it lacks', () => {
    fc.assert(
      fc.property(units, sizes, fc.nat(COUNT), fc.integer({ min: -3, max: 3 }), (sequence, size, capacity, more) => {
        const store = new ImageStore(capacity * size, size);
        const sender = new KeptImages(capacity);
        const last = sequence.at(-1);
        fc.pre(last !== undefined && more !== 0);
        for (const numbers of sequence.slice(0, -1)) {
          store.load(payloadOf(numbers, sender.missing(numbers), size), numbers.length);
        }
        const sent = sender.missing(last);
        fc.pre(sent.length + more >= 0);
        const others = more < 0 ? sent.slice(0, more) : [...sent, ...Array<number>(more).fill(0)];
        expect(() => store.load(payloadOf(last, others, size), last.length)).toThrow(
          expect.objectContaining({ code: 'E_BAD_SHAPE' }),
        );
      }),
    );
  });

  it('refuses a part of an image', () => {
    const payload = payloadOf([5], [5], 4);
    for (const length of [4, 5, 7]) {
      expect(() => new ImageStore(100, 4).load(payload.subarray(0, length), 1)).toThrow(
        expect.objectContaining({ code: 'E_BAD_SHAPE' }),
      );
    }
    expect(() => new ImageStore(100, 4).load(Uint8Array.of(...payload, 0), 1)).toThrow(
      expect.objectContaining({ code: 'E_BAD_SHAPE' }),
    );
  });

  it('keeps more images than one block of memory holds', () => {
    const size = 2 ** 22;
    const image = (number: number) => new Uint8Array(size).fill(number);
    const of = (...each: number[]) => new Uint8Array(Uint32Array.from(each).buffer);
    const store = new ImageStore(6 * size, size);
    const all = [1, 2, 3, 4, 5, 6];
    store.load(Buffer.concat([of(...all), ...all.map(image)]), all.length);
    const again = store.load(of(6, 1, 4, 5), 4);
    expect([0, 1, 2, 3].map((i) => [again[i * size], again[(i + 1) * size - 1]])).toEqual([
      [6, 6],
      [1, 1],
      [4, 4],
      [5, 5],
    ]);
  });
});

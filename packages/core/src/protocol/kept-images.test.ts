import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeptImages, imagesIn } from './kept-images.ts';

const units = fc.array(fc.array(fc.nat(30), { maxLength: 12 }), { maxLength: 12 });

describe('KeptImages', () => {
  it('keeps the first images that come, as many as it has room for, each in a place of its own', () => {
    fc.assert(
      fc.property(units, fc.nat(40), (sequence, capacity) => {
        const kept = new KeptImages(capacity);
        for (const unit of sequence) kept.missing(unit);
        const came = [...new Set(sequence.flat())];
        expect(came.map((number) => kept.placeOf(number))).toEqual(
          came.map((_, place) => (place < capacity ? place : undefined)),
        );
        expect(kept.placeOf(31)).toBeUndefined();
      }),
    );
  });

  it('lacks what is not kept, in order, each once', () => {
    fc.assert(
      fc.property(units, fc.nat(40), (sequence, capacity) => {
        const kept = new KeptImages(capacity);
        const came = new Set<number>();
        for (const unit of sequence) {
          const places = [...came].slice(0, capacity);
          const expected = [...new Set(unit)].filter((number) => !places.includes(number));
          expect(kept.missing(unit)).toEqual(expected);
          for (const number of unit) came.add(number);
        }
      }),
    );
  });

  it('has no room without capacity', () => {
    const kept = new KeptImages(0);
    expect(kept.add(3)).toBeUndefined();
    expect([kept.missing([3, 3, 4]), kept.missing([3])]).toEqual([[3, 4], [3]]);
  });
});

describe('imagesIn', () => {
  it.each([
    [0, 784, 0],
    [783, 784, 0],
    [784, 784, 1],
    [2 ** 29, 784, 684_784],
  ])('%i bytes have room for images of %i bytes: %i', (bytes, imageBytes, images) => {
    expect(imagesIn(bytes, imageBytes)).toBe(images);
  });
});

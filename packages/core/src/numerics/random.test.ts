import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox4x32 } from './philox.ts';
import { Stream, epochPermutation, fillKeepMask, fillNormal, fillUniform } from './random.ts';

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const MILLION = 1_000_000;

describe('bits that are the same on every engine', () => {
  it('pins 10⁶ normals', async () => {
    const normals = new Float32Array(MILLION);
    fillNormal(normals, 42, Stream.noise, 1, 2);
    expect(await sha256(new Uint8Array(normals.buffer))).toBe(
      '8301ea7e9ec755f16c4f6d9eecde28730cbdb71a70787a89778244ddff009003',
    );
  });

  it('pins 10⁶ mask elements', async () => {
    const mask = new Uint8Array(MILLION);
    fillKeepMask(mask, 0.3, 42, Stream.dropout1, 1, 2);
    expect(await sha256(mask)).toBe('a272db977c5c99ce72eb7db00de249d8c4fe1e26ff48b3d8968cd92521ebae55');
  });
});

describe('fillNormal', () => {
  it('has the moments of a standard normal', () => {
    const x = new Float32Array(MILLION);
    fillNormal(x, 7, Stream.noise, 3, 4);
    const moment = (k: number) => x.reduce((sum, value) => sum + value ** k, 0) / MILLION;
    // Five standard errors of each moment's estimate.
    expect(Math.abs(moment(1))).toBeLessThan(5 * 1e-3);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2) * 1e-3);
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15) * 1e-3);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96) * 1e-3);
  });

  it('does not depend on how much is drawn at once', () => {
    const all = new Float32Array(103);
    const first = new Float32Array(41);
    fillNormal(all, 7, Stream.noise, 3, 4);
    fillNormal(first, 7, Stream.noise, 3, 4);
    expect(first).toEqual(all.subarray(0, 41));
  });

  it('draws other numbers for another seed, stream, step or sample', () => {
    const draw = (...place: [seed: number, stream: number, step: number, index: number]) => {
      const x = new Float32Array(4);
      fillNormal(x, ...place);
      return x.join();
    };
    const places = [draw(1, 2, 3, 4), draw(2 ** 32 + 1, 2, 3, 4), draw(1, 3, 3, 4), draw(1, 2, 4, 4), draw(1, 2, 3, 5)];
    expect(new Set(places).size).toBe(places.length);
  });
});

describe('fillKeepMask', () => {
  it('compares 16 bits of Philox with the threshold, the high bytes and the low ones from blocks of their own', () => {
    const place = fc.tuple(fc.nat(2 ** 40), fc.nat(8), fc.nat(2 ** 31), fc.nat(60_000));
    const length = fc.oneof(fc.nat(20 * 16), fc.integer({ min: 4090 * 16, max: 4100 * 16 }));
    fc.assert(
      fc.property(place, length, fc.double({ min: 0, max: 0.99, noNaN: true }), ([seed, ...of], elements, rate) => {
        const [stream, step, index] = of;
        const expected = new Uint8Array(elements);
        const bytesOf = (block: number) => {
          const words = new Uint32Array(4);
          philox4x32(words, block, index, step, stream, seed, Math.floor(seed / 2 ** 32));
          return new Uint8Array(words.buffer);
        };
        for (let block = 0; 16 * block < elements; block++) {
          const high = bytesOf(block);
          const low = bytesOf(block + 2 ** 31);
          for (let i = 0; i < 16; i++) {
            expected[16 * block + i] =
              (high[i] as number) * 256 + (low[i] as number) >= Math.round(rate * 65_536) ? 1 : 0;
          }
        }
        const mask = new Uint8Array(elements).fill(7);
        fillKeepMask(mask, rate, seed, ...of);
        expect(mask).toEqual(expected);
      }),
    );
  });

  it('keeps 70% of the elements', () => {
    const mask = new Uint8Array(16 * MILLION);
    fillKeepMask(mask, 0.3, 3, Stream.dropout2, 5, 6);
    const kept = mask.reduce((sum, keep) => sum + keep, 0) / mask.length;
    expect(Math.abs(kept - (1 - 19661 / 65536))).toBeLessThan(5 * Math.sqrt(0.21 / mask.length));
    expect(mask.every((keep) => keep === 0 || keep === 1)).toBe(true);
  });
});

describe('epochPermutation', () => {
  it('holds every image once, in another order each epoch', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(1000), fc.integer({ min: 20, max: 500 }), (seed, epoch, count) => {
        const order = epochPermutation(seed, epoch, count);
        expect([...order].toSorted((a, b) => a - b)).toEqual([...Array(count).keys()]);
        expect([...order]).not.toEqual([...epochPermutation(seed, epoch + 1, count)]);
      }),
    );
  });

  it('puts every image into every place equally often', () => {
    const counts = new Uint32Array(25);
    for (let epoch = 0; epoch < 10_000; epoch++) {
      epochPermutation(9, epoch, 5).forEach((image, place) => {
        counts[image * 5 + place] = (counts[image * 5 + place] ?? 0) + 1;
      });
    }
    const chiSquare = counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(39.25); // the 99.9% quantile for (5−1)² degrees of freedom
  });
});

describe('fillUniform', () => {
  it('stays inside (0, 1) with mean ½', () => {
    const x = new Float64Array(MILLION);
    fillUniform(x, 1, Stream.initialWeights, 0, 0);
    expect(x.every((u) => u > 0 && u < 1)).toBe(true);
    expect(Math.abs(x.reduce((sum, u) => sum + u, 0) / MILLION - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12) * 1e-3);
  });
});

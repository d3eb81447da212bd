import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference, vectorLengths } from '../testing/vectors.ts';
import { decodeBfloat16, encodeBfloat16 } from './bfloat16.ts';

function roundTrip(numbers: Float32Array): Float32Array {
  const bytes = new Uint8Array(2 * numbers.length);
  const decoded = new Float32Array(numbers.length);
  encodeBfloat16(numbers, bytes);
  decodeBfloat16(bytes, decoded);
  return decoded;
}

/** The multiple of the quantum of bfloat16 that is nearest, in float64. */
function rounded(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), -126);
  const quantum = 2 ** (exponent - 7);
  const quanta = Math.abs(x) / quantum;
  const below = Math.floor(quanta);
  const isUp = quanta - below > 0.5 || (quanta - below === 0.5 && below % 2 === 1);
  // As float32, what is too large becomes infinite.
  return Math.sign(x) * Math.fround((isUp ? below + 1 : below) * quantum);
}

const special = [0, -0, 1, -1, NaN, Infinity, -Infinity, 3.4028234663852886e38, 1.401298464324817e-45, 2 ** -126];

describe('bfloat16', () => {
  it('rounds to the nearest, ties to even, wherever a number lies', () => {
    fc.assert(
      fc.property(vectorLengths, fc.nat(), (length, seed) => {
        // All bits are numbers; every fourth lies in the middle between two.
        const bits = Uint32Array.from({ length }, (_, i) => {
          const any = Math.imul(i + seed, 0x9e3779b1);
          return i % 4 === 0 ? (any & 0xffff0000) | 0x8000 : any;
        });
        const numbers = new Float32Array(bits.buffer);
        special.forEach((x, i) => {
          if (length > 0) numbers[(seed + 13 * i) % length] = x;
        });
        expect(firstDifference(roundTrip(numbers), numbers.map(rounded))).toBe(-1);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [0x3f80_7fff, 0x3f80],
    [0x3f80_8000, 0x3f80],
    [0x3f80_8001, 0x3f81],
    [0x3f81_8000, 0x3f82],
    [0xbf81_8000, 0xbf82],
    [0x7f7f_8000, 0x7f80],
    [0x7f80_0001, 0x7fc0],
    [0xffff_ffff, 0xffff],
    [0x0000_8001, 0x0001],
    [0x8000_0000, 0x8000],
  ])('writes the bits %i as %i, the low byte first', (bits, half) => {
    const bytes = new Uint8Array(2);
    encodeBfloat16(new Float32Array(Uint32Array.of(bits).buffer), bytes);
    expect([...bytes]).toEqual([half & 0xff, half >>> 8]);
  });

  it('decodes every half exactly, and encodes it back', () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const numbers = new Float32Array(65_536);
    decodeBfloat16(new Uint8Array(halves.buffer), numbers);
    expect(new Uint32Array(numbers.buffer).every((bits, i) => bits === i * 65_536)).toBe(true);
    const again = new Uint16Array(65_536);
    encodeBfloat16(numbers, new Uint8Array(again.buffer));
    // Of NaN, all become quiet ones.
    expect(again.every((half, i) => half === (Number.isNaN(numbers[i]) ? i | 0x40 : i))).toBe(true);
  });
});

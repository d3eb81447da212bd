import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorOf } from '../testing/vectors.ts';
import { WIRES, decodeVector, encodeVector, encodedBytes } from './wire.ts';

const wires = fc.constantFrom(...WIRES);
const badShape = expect.objectContaining({ code: 'E_BAD_SHAPE' }) as Error;

/** A length, and how many of its numbers are rounded, around the sizes that are worked on at once. */
const shapes = fc
  .tuple(fc.oneof(fc.nat(20), fc.integer({ min: 250, max: 520 }), fc.integer({ min: 16_380, max: 16_660 })), fc.nat(9))
  .map(([compact, rest]) => ({ length: compact + rest, compact }));

/** Whether all bits are the same, those of NaN and of zeros too. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [bytesOfA, bytesOfB] = [a, b].map((x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)) as [Buffer, Buffer];
  return bytesOfA.equals(bytesOfB);
}

/** A copy of bytes that begins at an odd address. */
function unaligned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length + 2).subarray(1, bytes.length + 1);
  copy.set(bytes);
  return copy;
}

/** Bytes that a peer may send. */
function garbage(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed + 1, 0x9e3779b1) >>> 13) & 0xff);
}

describe('encodedBytes', () => {
  it.each([
    ['float32', 10, 4, 40],
    ['float32', 0, 0, 0],
    ['bfloat16', 0, 0, 0],
    ['bfloat16', 10, 4, 8 + 24],
    ['bfloat16', 10, 3, 6 + 2 + 28],
    ['int8', 0, 0, 0],
    ['int8', 10, 0, 40],
    ['int8', 10, 3, 3 + 1 + 28],
    ['int8', 256, 256, 256 + 1 + 3],
    ['int8', 258, 257, 257 + 2 + 1 + 4],
  ] as const)('of %s, %i numbers with %i rounded', (wire, length, compact, bytes) => {
    expect(encodedBytes(wire, length, compact)).toBe(bytes);
  });

  it.each([
    [2, 3],
    [2, -1],
    [2, 0.5],
    [2, NaN],
    [NaN, 0],
  ])('refuses a vector of %d numbers with %d rounded', (length, compact) => {
    for (const wire of WIRES) expect(() => encodedBytes(wire, length, compact)).toThrow(badShape);
  });
});

describe('a vector that travels', () => {
  it('keeps every bit of the rest, and of all numbers as float32', () => {
    fc.assert(
      fc.property(wires, shapes, fc.nat(), (wire, { length, compact }, seed) => {
        const vector = new Float32Array(garbage(4 * length, seed).buffer);
        const bytes = encodeVector(wire, vector, compact, 'nearest');
        expect(bytes.length).toBe(encodedBytes(wire, length, compact));
        const decoded = decodeVector(wire, bytes, length, compact);
        const exact = wire === 'float32' ? 0 : compact;
        expect(sameBits(decoded.subarray(exact), vector.subarray(exact))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is that part of memory which it is given, at any address, and nothing around it', () => {
    fc.assert(
      fc.property(wires, shapes, (wire, { length, compact }) => {
        const vector = vectorOf(length, 3);
        const bytes = encodeVector(wire, vector, compact, 'nearest');

        const around = new Uint8Array(bytes.length + 4).fill(77);
        const into = around.subarray(3, 3 + bytes.length);
        expect(encodeVector(wire, vector, compact, 'nearest', into)).toBe(into);
        expect(Buffer.compare(into, bytes)).toBe(0);
        expect([...around.subarray(0, 3), around.at(-1)]).toEqual([77, 77, 77, 77]);

        const numbers = new Float32Array(length + 2).fill(77);
        const to = numbers.subarray(1, length + 1);
        expect(decodeVector(wire, unaligned(bytes), length, compact, to)).toBe(to);
        expect(sameBits(to, decodeVector(wire, bytes, length, compact))).toBe(true);
        expect([numbers[0], numbers.at(-1)]).toEqual([77, 77]);
      }),
      { numRuns: 60 },
    );
  });

  it('is itself when it is encoded again', () => {
    fc.assert(
      fc.property(wires, shapes, fc.nat(100), (wire, { length, compact }, seed) => {
        const once = encodeVector(wire, vectorOf(length, seed), compact, { seed, round: 1, replica: 2 });
        const decoded = decodeVector(wire, once, length, compact);
        for (const rounding of ['nearest', { seed, round: 3, replica: 4 }] as const) {
          const twice = encodeVector(wire, decoded, compact, rounding);
          expect(sameBits(decodeVector(wire, twice, length, compact), decoded)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('decodeVector', () => {
  it('takes any bytes of the right length', () => {
    fc.assert(
      fc.property(wires, shapes, fc.nat(), (wire, { length, compact }, seed) => {
        const bytes = garbage(encodedBytes(wire, length, compact), seed);
        const decoded = decodeVector(wire, bytes, length, compact);
        expect(decoded.length).toBe(length);
        // The same bits again, NaN included, wherever they lie.
        expect(sameBits(decodeVector(wire, unaligned(bytes), length, compact), decoded)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses any other length', () => {
    fc.assert(
      fc.property(wires, shapes, fc.integer({ min: -4, max: 4 }), (wire, { length, compact }, more) => {
        const bytes = encodedBytes(wire, length, compact) + more;
        fc.pre(more !== 0 && bytes >= 0);
        expect(() => decodeVector(wire, new Uint8Array(bytes), length, compact)).toThrow(badShape);
        const into = new Uint8Array(bytes);
        expect(() => encodeVector(wire, new Float32Array(length), compact, 'nearest', into)).toThrow(badShape);
      }),
    );
  });

  it('refuses memory for another number of numbers', () => {
    for (const wire of WIRES) {
      const bytes = new Uint8Array(encodedBytes(wire, 5, 4));
      expect(() => decodeVector(wire, bytes, 5, 4, new Float32Array(4))).toThrow(badShape);
    }
  });
});

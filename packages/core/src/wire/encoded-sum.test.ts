import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReductionTree } from '../numerics/reduction.ts';
import { LARGEST_GRADIENT, allUsable } from '../numerics/vectors.ts';
import { vectorOf } from '../testing/vectors.ts';
import { allUsableEncoded, type EncodedVector } from './encoded-sum.ts';
import { decodeVector, encodeVector } from './wire.ts';

/** Around the sizes that are worked on at once. */
const shapes = fc
  .tuple(fc.oneof(fc.nat(20), fc.integer({ min: 250, max: 520 }), fc.integer({ min: 16_380, max: 16_660 })), fc.nat(9))
  .map(([compact, rest]) => ({ length: compact + rest, compact }));

function encodedOf(index: number, { length, compact }: { length: number; compact: number }): EncodedVector {
  return { bytes: encodeVector('int8', vectorOf(length, index), compact, 'nearest'), length, compact };
}

function decodedOf({ bytes, length, compact }: EncodedVector): Float32Array {
  return decodeVector('int8', bytes, length, compact);
}

const bitsOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

describe('leaves that are added as they came', () => {
  it('come to the bits of the decoded ones, in whatever order and whichever of them are decoded', () => {
    const cases = fc.integer({ min: 1, max: 21 }).chain((count) =>
      fc.record({
        order: fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
        decoded: fc.array(fc.nat(count - 1), { maxLength: 2 }),
        shape: shapes,
      }),
    );
    fc.assert(
      fc.property(cases, ({ order, decoded, shape }) => {
        const leaves = order.map((index) => encodedOf(index, shape));
        const [expected, tree] = [new ReductionTree(order.length), new ReductionTree(order.length)];
        order.forEach((index, i) => {
          const leaf = leaves[i] ?? encodedOf(index, shape);
          expected.add({ level: 0, index }, decodedOf(leaf));
          if (decoded.includes(index)) tree.add({ level: 0, index }, decodedOf(leaf));
          else tree.addEncoded(index, leaf);
          // The tree has its own copy.
          leaf.bytes.fill(0);
        });
        expect(bitsOf(tree.root()).equals(bitsOf(expected.root()))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('are taken once each', () => {
    const tree = new ReductionTree(3);
    const leaf = encodedOf(1, { length: 9, compact: 5 });
    const covered = expect.objectContaining({ code: 'E_NODE_COVERED' }) as Error;
    tree.addEncoded(1, leaf);
    expect(() => tree.addEncoded(1, leaf)).toThrow(covered);
    expect(() => tree.add({ level: 1, index: 0 }, decodedOf(leaf))).toThrow(covered);
    expect(() => tree.addEncoded(3, leaf)).toThrow(expect.objectContaining({ code: 'E_BAD_SHAPE' }) as Error);
  });
});

describe('allUsableEncoded', () => {
  it('says what is true of the decoded numbers, whatever the bytes', () => {
    const bytes = fc.record({ seed: fc.nat(), exponent: fc.integer({ min: -128, max: 127 }) });
    fc.assert(
      fc.property(shapes, bytes, ({ length, compact }, { seed, exponent }) => {
        const leaf = encodedOf(seed, { length, compact });
        for (let i = 0; i < compact; i++) leaf.bytes[i] = Math.imul(i + seed + 1, 0x9e3779b1) >>> 24;
        if (compact > 0) leaf.bytes[compact] = exponent;
        expect(allUsableEncoded(leaf)).toBe(allUsable(decodedOf(leaf)));
      }),
      { numRuns: 200 },
    );
  });

  it('looks at what is not rounded, too', () => {
    for (const value of [NaN, Infinity, 2 * LARGEST_GRADIENT]) {
      const vector = vectorOf(9, 1);
      vector[8] = value;
      expect(allUsableEncoded({ bytes: encodeVector('int8', vector, 5, 'nearest'), length: 9, compact: 5 })).toBe(
        false,
      );
    }
  });
});

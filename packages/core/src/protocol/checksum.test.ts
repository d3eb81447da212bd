import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import xxhash from 'xxhash-wasm';
import { checksum } from './checksum.ts';

const reference = await xxhash();

/** On both sides of a block of the kernel, and of a stripe. */
const lengths = fc.oneof(
  fc.nat(100),
  fc.integer({ min: 65_500, max: 65_600 }),
  fc.integer({ min: 131_000, max: 131_200 }),
);

it('is XXH64 of all parts, one after the other', () => {
  fc.assert(
    fc.property(fc.array(lengths, { maxLength: 4 }), fc.nat(), (sizes, seed) => {
      const parts = sizes.map((size, i) =>
        Uint8Array.from({ length: size }, (_, at) => Math.imul(at + i + seed, 0x9e3779b1) >>> 24),
      );
      expect(checksum(...parts)).toBe(reference.h64Raw(Uint8Array.from(Buffer.concat(parts))));
    }),
    { numRuns: 200 },
  );
});

it('of nothing is that of the specification', () => {
  expect(checksum()).toBe(0xef46db3751d8e999n);
});

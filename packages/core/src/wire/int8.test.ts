import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox4x32 } from '../numerics/philox.ts';
import { Stream } from '../numerics/random.ts';
import { firstDifference, vectorOf } from '../testing/vectors.ts';
import { decodeInt8, encodeInt8, int8Bytes, type Rounding } from './int8.ts';

const BLOCK = 256;
const LARGEST = 127 * 2 ** 120;

function encode(numbers: Float32Array, rounding: Rounding): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(int8Bytes(numbers.length)).fill(99);
  encodeInt8(numbers, rounding, bytes);
  return bytes;
}

function decode(bytes: Uint8Array, length: number): Float32Array {
  const numbers = new Float32Array(length).fill(99);
  decodeInt8(bytes, numbers);
  return numbers;
}

/** The definition, in float64: quotients by powers of two and these sums are exact there, or below all that decides. */
function encodeByDefinition(numbers: Float32Array, rounding: Rounding): Uint8Array {
  const { length } = numbers;
  const bytes = new Int8Array(length + Math.ceil(length / BLOCK));
  for (let begin = 0; begin < length; begin += BLOCK) {
    const block = numbers.subarray(begin, begin + BLOCK);
    const exponent = exponentOf(block);
    bytes[length + begin / BLOCK] = exponent;
    if (exponent === 127) continue;
    block.forEach((x, i) => {
      bytes[begin + i] = rounded(x / 2 ** exponent, rounding, begin + i);
    });
  }
  return new Uint8Array(bytes.buffer);
}

function exponentOf(block: Float32Array): number {
  let largest = 0;
  for (const x of block) largest = Math.max(largest, Math.abs(x)); // NaN if one is
  if (!(largest <= LARGEST)) return 127;
  let exponent = -126;
  while (largest > 127 * 2 ** exponent) exponent++;
  return exponent;
}

function rounded(quanta: number, rounding: Rounding, index: number): number {
  const below = Math.floor(quanta);
  if (rounding !== 'nearest') return Math.floor(quanta + uniform(rounding, index));
  const isUp = quanta - below > 0.5 || (quanta - below === 0.5 && below % 2 !== 0);
  return isUp ? below + 1 : below;
}

const words = new Uint32Array(4);
const halves = new Uint16Array(words.buffer);

function uniform({ seed, round, replica }: Exclude<Rounding, 'nearest'>, index: number): number {
  philox4x32(words, Math.floor(index / 8), replica, round, Stream.rounding, seed, Math.floor(seed / 2 ** 32));
  return ((halves[index % 8] as number) + 0.5) / 65_536;
}

const lengths = fc.oneof(
  fc.constantFrom(0, 1, 15, 16, 17, 255, 256, 257, 511, 512, 513),
  fc.nat(1000),
  fc.integer({ min: 16_380, max: 16_390 }),
  fc.integer({ min: 16_639, max: 16_641 }),
  fc.integer({ min: 32_760, max: 32_800 }),
);

const roundings: fc.Arbitrary<Rounding> = fc.oneof(
  fc.constant('nearest' as const),
  fc.record({
    seed: fc.maxSafeNat(),
    round: fc.nat(2 ** 32 - 1),
    replica: fc.nat(2 ** 32 - 1),
  }),
);

/** Numbers that are special to rounding, to the smallest exponents, or to the largest. */
const decisive = [0, -0, 1, -1, 127, -127, 127.00001, 128, 0.5, 1.5, -0.5, -2.5, 126.5, 2 ** -17, -(2 ** -17), -1e-20];
const tiny = [2 ** -149, -(2 ** -149), 2 ** -127, 127 * 2 ** -126, 127.5 * 2 ** -126, 2 ** -126];
const huge = [LARGEST, -LARGEST, LARGEST * (1 + 2 ** -23), 3.4028234663852886e38, NaN, Infinity, -Infinity];
const specials = fc.constantFrom(...decisive, ...tiny, ...huge);

/** Numbers of a narrow range in each block, and special ones. */
const vectors = fc
  .tuple(lengths, fc.nat(1000), fc.array(fc.tuple(fc.nat(), specials), { maxLength: 40 }))
  .map(([length, seed, exceptions]) => {
    const numbers = Float32Array.from({ length }, (_, i) => {
      const exponent = ((Math.floor(i / BLOCK) * 37 + seed) % 280) - 152;
      return Math.sin(i * 1.1 + seed) * 2 ** exponent;
    });
    for (const [place, x] of exceptions) if (length > 0) numbers[place % length] = x;
    return numbers;
  });

describe('encodeInt8', () => {
  it('is its definition', () => {
    fc.assert(
      fc.property(vectors, roundings, (numbers, rounding) => {
        expect(firstByteThatDiffers(encode(numbers, rounding), encodeByDefinition(numbers, rounding))).toBe(-1);
      }),
      { numRuns: 200 },
    );
  });

  it('is its definition where all numbers are special', () => {
    fc.assert(
      fc.property(fc.array(specials, { minLength: 1, maxLength: 40 }), roundings, (values, rounding) => {
        const numbers = Float32Array.from(values);
        expect([...encode(numbers, rounding)]).toEqual([...encodeByDefinition(numbers, rounding)]);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes the smallest exponent at every border', () => {
    for (let exponent = -126; exponent <= 120; exponent++) {
      const border = Math.fround(127 * 2 ** exponent);
      const above = Math.fround(border * (1 + 2 ** -23));
      expect([...encode(Float32Array.of(-border), 'nearest')]).toEqual([256 - 127, exponent & 0xff]);
      const beyond = exponent === 120 ? [0, 127] : [64, (exponent + 1) & 0xff];
      expect([...encode(Float32Array.of(above), 'nearest')]).toEqual(beyond);
    }
  });

  it('makes zeros of zeros, whatever their sign and the random numbers', () => {
    const zeros = new Float32Array(300).fill(-0, 0, 150);
    for (const rounding of ['nearest', { seed: 1, round: 2, replica: 3 }] as const) {
      const bytes = encode(zeros, rounding);
      expect([...bytes]).toEqual([...new Uint8Array(300), 130, 130]);
      expect(decode(bytes, 300).every((x) => Object.is(x, 0))).toBe(true);
    }
  });

  it('has the same bytes for a number wherever the vector ends, and whatever lay in memory before', () => {
    const rounding = { seed: 5, round: 6, replica: 7 };
    const all = vectorOf(40_000, 1);
    const bytes = encode(all, rounding);
    for (const length of [256, 16_384, 16_640, 32_768, 39_936]) {
      encode(new Float32Array(16_384).fill(NaN), 'nearest');
      const part = encode(all.subarray(0, length), rounding);
      expect(Buffer.compare(part.subarray(0, length), bytes.subarray(0, length))).toBe(0);
      const exponents = bytes.subarray(40_000, 40_000 + length / BLOCK);
      expect(Buffer.compare(part.subarray(length), exponents)).toBe(0);
    }
    encode(new Float32Array(16_384).fill(NaN), 'nearest');
    expect([...encode(Float32Array.of(1, 0.5), 'nearest')]).toEqual([64, 32, 250]);
  });

  it('pins the bytes of stochastic rounding', () => {
    const bytes = encode(
      Float32Array.from({ length: 20 }, (_, i) => i / 16 - 0.6),
      { seed: 2 ** 40 + 7, round: 3, replica: 1 },
    );
    expect([...new Int8Array(bytes.buffer)]).toEqual([
      -77, -69, -61, -52, -45, -37, -29, -21, -13, -5, 3, 11, 19, 27, 35, 43, 51, 60, 67, 75, -7,
    ]);
  });

  it('rounds otherwise with another seed, round or replica', () => {
    const numbers = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i));
    const drawn = [
      { seed: 1, round: 2, replica: 3 },
      { seed: 2 ** 32 + 1, round: 2, replica: 3 },
      { seed: 1, round: 3, replica: 3 },
      { seed: 1, round: 2, replica: 4 },
    ].map((rounding) => encode(numbers, rounding).join());
    expect(new Set(drawn).size).toBe(4);
  });

  it('rounds stochastically without bias', () => {
    const replicas = 4096;
    const quanta = Float32Array.from({ length: BLOCK }, (_, i) => Math.sin(i) * 100);
    quanta[0] = 127; // The quantum is 1.
    const sums = new Float64Array(BLOCK);
    for (let replica = 0; replica < replicas; replica++) {
      decode(encode(quanta, { seed: 9, round: 8, replica }), BLOCK).forEach((x, i) => {
        sums[i] = (sums[i] as number) + x;
      });
    }
    let chiSquare = 0;
    quanta.forEach((x, i) => {
      const error = (sums[i] as number) / replicas - x;
      const fraction = x - Math.floor(x);
      const variance = (fraction * (1 - fraction)) / replicas;
      if (variance === 0) expect(error).toBe(0);
      else chiSquare += error ** 2 / variance;
    });
    // Five standard deviations around the mean, of 255 degrees of freedom.
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * Math.sqrt(2 * 255));
  });
});

describe('decodeInt8', () => {
  it('gives back every number within half a quantum, or one, and unusable blocks as NaN', () => {
    fc.assert(
      fc.property(vectors, roundings, (numbers, rounding) => {
        const decoded = decode(encode(numbers, rounding), numbers.length);
        const most = rounding === 'nearest' ? 0.5 : 1;
        for (let begin = 0; begin < numbers.length; begin += BLOCK) {
          const exponent = exponentOf(numbers.subarray(begin, begin + BLOCK));
          const isRight = decoded.subarray(begin, begin + BLOCK).every((x, i) => {
            if (exponent === 127) return Number.isNaN(x);
            return Math.abs(x - (numbers[begin + i] as number)) <= most * 2 ** exponent;
          });
          expect(isRight).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is exactly q·2^e for every byte and every exponent, and NaN for exponents that none has', () => {
    // A block of all bytes with each exponent.
    const bytes = new Uint8Array(int8Bytes(BLOCK * BLOCK)).map((_, i) => i);
    const expected = Float32Array.from({ length: BLOCK * BLOCK }, (_, i) => {
      const exponent = (Math.floor(i / BLOCK) << 24) >> 24;
      // The sum makes 0 of −0, as integers have none.
      return exponent < -126 || exponent > 120 ? NaN : (((i << 24) >> 24) + 0) * 2 ** exponent;
    });
    const decoded = decode(bytes, BLOCK * BLOCK);
    expect(firstDifference(decoded, expected)).toBe(-1);
    expect(decoded.every((x) => Number.isNaN(x) || Number.isFinite(x))).toBe(true);
    const nan = new Uint32Array(decoded.buffer).filter((_, i) => Number.isNaN(decoded[i]));
    expect(new Set(nan)).toEqual(new Set([0x7fc0_0000]));
  });
});

function firstByteThatDiffers(a: Uint8Array, b: Uint8Array): number {
  return a.length === b.length ? a.findIndex((byte, i) => byte !== b[i]) : Math.min(a.length, b.length);
}

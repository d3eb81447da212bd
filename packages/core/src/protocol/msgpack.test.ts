import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packMap, unpackMap } from './msgpack.ts';

const malformed = expect.objectContaining({ name: 'GantryError', code: 'E_PROTOCOL' });

const plainMap = fc.dictionary(
  fc.string({ maxLength: 20 }).filter((key) => key !== '__proto__'),
  fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ maxLength: 300 }),
    fc.array(fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(), { noNullPrototype: true }), { maxLength: 20 }),
  ),
  { noNullPrototype: true },
);

/** A map of one entry, `a`, whose value is encoded by the given bytes. */
function mapOf(...value: number[]): Uint8Array {
  return Uint8Array.of(0x81, 0xa1, 0x61, ...value);
}

describe('msgpack headers', () => {
  it('read back what they wrote', () => {
    fc.assert(
      // msgpack has one zero for integers.
      fc.property(plainMap, (map) => {
        expect(unpackMap(packMap(map))).toEqual(JSON.parse(JSON.stringify(map)));
      }),
    );
  });

  it.each([
    ['uint 64', [0xcf, 0, 0, 1, 0, 0, 0, 0, 0], 2 ** 40],
    ['int 64', [0xd3, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0], -(2 ** 40)],
    ['float 32', [0xca, 0x3f, 0xc0, 0, 0], 1.5],
    ['int 16', [0xd1, 0xff, 0x00], -256],
    ['str 16', [0xda, 0, 1, 0x78], 'x'],
    ['array 16', [0xdc, 0, 1, 0xc3], [true]],
    ['map 16', [0xde, 0, 1, 0xa1, 0x62, 0xc0], { b: null }],
  ])('read %s of other encoders', (_, bytes, expected) => {
    expect(unpackMap(mapOf(...bytes))).toEqual({ a: expected });
  });

  it.each([
    ['nothing', []],
    ['no map', [0x93, 1, 2, 3]],
    ['a map of 32-bit length', [0xdf, 0, 0, 0, 0]],
    ['bytes behind the map', [0x80, 0x00]],
    ['a key that comes twice', [0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2]],
    ['the same key in two encodings', [0x82, 0xa1, 0x61, 1, 0xd9, 1, 0x61, 2]],
    ['a number for a key', [0x81, 1, 1]],
    ['an array for a key', [0x81, 0x90, 1]],
    ['__proto__', [0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]],
    ['__proto__ further down', [...mapOf(0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x62, 1)]],
    ['an array of 2³²−1', [...mapOf(0xdd, 0xff, 0xff, 0xff, 0xff)]],
    ['an array of 65,535 of which nothing follows', [...mapOf(0xdc, 0xff, 0xff)]],
    ['a map of 2³²−1', [...mapOf(0xdf, 0xff, 0xff, 0xff, 0xff)]],
    ['a string of 2³²−1', [...mapOf(0xdb, 0xff, 0xff, 0xff, 0xff)]],
    ['a string longer than the header', [...mapOf(0xda, 0xff, 0xff, 0x61)]],
    ['binary', [...mapOf(0xc4, 1, 0)]],
    ['binary of 2³²−1', [...mapOf(0xc6, 0xff, 0xff, 0xff, 0xff)]],
    ['the unused byte', [...mapOf(0xc1)]],
    ['undefined', [...mapOf(0xd4, 0, 0)]],
    ['a timestamp', [...mapOf(0xd6, 0xff, 0, 0, 0, 0)]],
    ['an error object', [...mapOf(0xc7, 3, 0x65, 0x91, 0xa1, 0x61)]],
    ['a reference', [...mapOf(0xd6, 0x70, 0, 0, 0, 0)]],
    ['a record definition', [...mapOf(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x62, 1)]],
    ['bundled strings', [...mapOf(0xd6, 0x62, 0, 0, 0, 4)]],
    ['text that is not UTF-8', [...mapOf(0xa2, 0xc3, 0x28)]],
    ['a surrogate in UTF-8', [...mapOf(0xa3, 0xed, 0xa0, 0x80)]],
  ])('refuse %s', (_, bytes) => {
    expect(() => unpackMap(Uint8Array.from(bytes))).toThrow(malformed);
  });

  it.each([
    ['arrays', 0x91],
    ['arrays of 15', 0x9f],
  ])('refuse 64 KiB of nested %s', (_, token) => {
    const bytes = new Uint8Array(65_536).fill(token);
    bytes.set(mapOf());
    expect(() => unpackMap(bytes)).toThrow(malformed);
  });

  it('refuse 64 KiB of nested maps', () => {
    const bytes = new Uint8Array(65_536).map((__, i) => [0x81, 0xa1, 0x61][i % 3] ?? 0);
    expect(() => unpackMap(bytes)).toThrow(malformed);
  });

  it('allow eight levels and not nine', () => {
    const nested = (levels: number) => mapOf(...new Uint8Array(levels - 2).fill(0x91), 0x90);
    expect(JSON.stringify(unpackMap(nested(8)))).toBe('{"a":[[[[[[[]]]]]]]}');
    expect(() => unpackMap(nested(9))).toThrow(malformed);
  });

  it('allow 4096 values and not 4097', () => {
    // The map and the array are values too.
    expect(unpackMap(packMap({ a: Array<number>(4094).fill(1) }))).toEqual({ a: Array<number>(4094).fill(1) });
    expect(() => packMap({ a: Array<number>(4095).fill(1) })).toThrow(malformed);
  });

  it('leave no trace in Object.prototype and build plain objects only', () => {
    const keys = Reflect.ownKeys(Object.prototype);
    const map = unpackMap(packMap({ constructor: { prototype: { polluted: 1 } }, toString: 2 }));
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
    expect(Reflect.ownKeys(Object.prototype)).toEqual(keys);
  });

  it('never fail otherwise, whatever the bytes', () => {
    const start = fc.constantFrom([], [0x81, 0xa1, 0x61], [0x82, 0xa1, 0x61, 0x91], [0xde, 0, 2, 0xa1, 0x61]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 64 }), (first, rest) => {
        try {
          const map = unpackMap(Uint8Array.of(...first, ...rest));
          // What was accepted is data, all the way down.
          expect(structuredClone(map)).toEqual(map);
        } catch (error) {
          expect(error).toEqual(malformed);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../errors.ts';
import { npyHeader, readNpy, readNpyIntegers } from './npy.ts';

function fileOf(shape: readonly number[], values: Uint8Array): Buffer {
  return Buffer.concat([npyHeader(shape), values]);
}

describe('a file of NumPy', () => {
  it('gives back what was written', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 255 }), (shape, first) => {
        const size = shape.reduce((product, side) => product * side, 1);
        const values = Uint8Array.from({ length: size }, (_, i) => first + i);
        const file = fileOf(shape, values);
        expect((file.length - size) % 64).toBe(0);
        const read = readNpy(file, 'a.npy');
        expect(read.shape).toEqual(shape);
        expect(Buffer.from(read.values).equals(values)).toBe(true);
      }),
    );
  });

  const whole = fileOf([2, 3], new Uint8Array(6));
  it.each([
    ['text', Buffer.from('not an array at all'), /not a file of NumPy/],
    ['floats', Buffer.concat([npyHeader([2, 3], '<f4'), new Uint8Array(24)]), /an array of <f4 where bytes/],
    ['one that is cut off', whole.subarray(0, -1), /5 bytes where \[2,3\] takes 6/],
    ['a longer one', Buffer.concat([whole, Buffer.of(0)]), /7 bytes where \[2,3\] takes 6/],
    ['columns first', Buffer.from(whole.toString('latin1').replace('False', 'True '), 'latin1'), /column-major/],
    ['a header without a shape', Buffer.from(whole.toString('latin1').replace('shape', 'shake'), 'latin1'), /header/],
  ])('is refused if it is %s', (_, file, message) => {
    expect(() => readNpy(file, 'a.npy')).toThrow(message);
    expect(() => readNpy(file, 'a.npy')).toThrow(/^a\.npy: /);
  });

  it('is refused in one way, whatever bytes it has', () => {
    const places = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(places, fc.nat(whole.length), (changes, length) => {
        const file = new Uint8Array(whole);
        for (const [place, byte] of changes) file[place] = byte;
        for (const read of [() => readNpy(file.subarray(0, length), 'f'), () => readNpyIntegers(file, 'f')]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(GantryError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('may hold integers of any size', () => {
    const types = { '|u1': Uint8Array, '<u2': Uint16Array, '<i4': Int32Array, '<i8': BigInt64Array };
    for (const [type, Array] of Object.entries(types)) {
      const numbers =
        Array === BigInt64Array ? BigInt64Array.of(0n, 9n, 127n) : new (Array as Uint8ArrayConstructor)([0, 9, 127]);
      const header = Buffer.from(npyHeader([3]))
        .toString('latin1')
        .replace('|u1', type);
      const file = Buffer.concat([Buffer.from(header, 'latin1'), new Uint8Array(numbers.buffer)]);
      expect(readNpyIntegers(file, 'l.npy')).toEqual({ shape: [3], values: [0, 9, 127] });
      expect(() => readNpyIntegers(file.subarray(0, -1), 'l.npy')).toThrow(/^l\.npy: \d+ bytes where \[3\] takes/);
    }
    const floats = Buffer.concat([npyHeader([1], '<f4'), new Uint8Array(4)]);
    expect(() => readNpyIntegers(floats, 'l.npy')).toThrow('l.npy: an array of <f4 where integers were expected');
  });
});

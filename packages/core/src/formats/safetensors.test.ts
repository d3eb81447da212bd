import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const tensorsOf = fc.uniqueArray(
  fc
    .tuple(fc.string({ minLength: 1 }), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
    .chain(([name, shape]) =>
      fc
        .array(fc.float(), { minLength: shape.reduce((a, b) => a * b, 1), maxLength: shape.reduce((a, b) => a * b, 1) })
        .map((values) => ({ name, shape, data: Float32Array.from(values) })),
    ),
  { selector: ({ name }) => name },
);

const malformed = expect.objectContaining({ code: 'E_SAFETENSORS' });

describe('safetensors', () => {
  it('lays a file out byte by byte as the format says', () => {
    const file = encodeSafetensors([{ name: 'ab', shape: [1, 2], data: Float32Array.of(1, -2) }], { k: 'v' });
    const json = '{"__metadata__":{"k":"v"},"ab":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
    const f32One = [0, 0, 0x80, 0x3f];
    const f32MinusTwo = [0, 0, 0, 0xc0];
    const header = json.padEnd(Math.ceil(json.length / 8) * 8);
    const expected = [
      header.length,
      ...new Uint8Array(7),
      ...new TextEncoder().encode(header),
      ...f32One,
      ...f32MinusTwo,
    ];
    expect([...file]).toEqual(expected);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(tensorsOf, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
        expect(new Map(decoded.tensors.map((t) => [t.name, t]))).toEqual(new Map(tensors.map((t) => [t.name, t])));
        expect(decoded.metadata).toEqual(metadata);
      }),
    );
  });

  it('copies the tensors out of a Node Buffer', () => {
    const file = Buffer.from(encodeSafetensors([{ name: 'x', shape: [2], data: Float32Array.of(1, 2) }]));
    const { tensors } = decodeSafetensors(file);
    file.fill(0);
    expect(tensors[0]?.data).toEqual(Float32Array.of(1, 2));
  });

  it('refuses every truncation and never crashes on changed bytes', () => {
    const file = encodeSafetensors([
      { name: 'x', shape: [3], data: Float32Array.of(1, 2, 3) },
      { name: 'y', shape: [], data: Float32Array.of(4) },
    ]);
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeSafetensors(file.subarray(0, length))).toThrow(malformed);
    }
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = file.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        try {
          decodeSafetensors(damaged);
        } catch (error) {
          expect(error).toEqual(malformed);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [
      'overlapping tensors',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    ],
    ['another dtype', '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'],
    ['a shape that does not fit', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}'],
    ['a header that is no map', '4'],
    ['bytes behind the last tensor', '{}'],
  ])('refuses %s', (_, header) => {
    const file = new Uint8Array(8 + header.length + 4);
    file[0] = header.length;
    file.set(new TextEncoder().encode(header), 8);
    expect(() => decodeSafetensors(file)).toThrow(malformed);
  });
});

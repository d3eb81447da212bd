import { describe, expect, it } from 'vitest';
import { modelManifest } from '../model/describe-model.ts';
import { encodeFrame, decodeFromCoordinator } from './codec.ts';
import { manifestBytes, manifestFromWire, manifestToWire, programsBytes, sha256 } from './manifest.ts';
import { MAX_MESSAGE_BYTES, PROTOCOL_VERSION } from './frame.ts';
import type { MessageOf } from './messages.ts';

const manifest = modelManifest();
const WIRE = manifestToWire(manifest);
const programs = [
  { samples: 64, bytes: 100, sha256: 'a'.repeat(64) },
  { samples: 32, bytes: 200, sha256: 'b'.repeat(64) },
];
const unusable = expect.objectContaining({ code: 'E_MANIFEST' });

describe('manifest', () => {
  it('of the model survives the welcome', () => {
    const welcome: MessageOf<'welcome'> = {
      type: 'welcome',
      protocol: PROTOCOL_VERSION,
      run: 'run',
      seed: 0,
      heartbeatMs: 1000,
      manifest: manifestToWire(manifest),
      programs,
    };
    const { message } = decodeFromCoordinator(encodeFrame(welcome), undefined);
    expect(manifestFromWire((message as typeof welcome).manifest)).toEqual(manifest);
  });

  it('is hashed with all that it says', () => {
    const bytes = (change: (wire: ReturnType<typeof manifestToWire>) => unknown) => {
      const wire = manifestToWire(manifest);
      change(wire);
      return Buffer.from(manifestBytes(manifestFromWire(wire))).toString();
    };
    const variants = [
      bytes(() => {}),
      bytes((wire) => (wire.trainable = WIRE.trainable.toReversed())),
      bytes(({ trainable: [first] }) => first && (first.shape = first.shape.toReversed())),
      bytes(({ trainable: [first] }) => first && (first.name = 'generator/other')),
      bytes(({ movingStatistics }) => movingStatistics.splice(0, 1)),
      bytes(({ trainable: [first] }) => first && (first.initializer = { kind: 'constant', value: 3 })),
      bytes(({ movingStatistics: [first] }) => first && (first.momentum = 0.5)),
      bytes(({ inputs }) => inputs.push(...inputs.splice(0, 1))),
      bytes(({ inputs: [, noise] }) => noise && (noise.shape = [101])),
      bytes(({ inputs: [, noise] }) => noise?.from === 'normal' && (noise.streams = [99])),
      bytes(({ sums }) => sums.push(...sums.splice(0, 1))),
    ];
    expect(new Set(variants).size).toBe(variants.length);
    expect(bytes(() => {})).toBe(variants[0]);
  });

  it('with a name that comes twice is refused', () => {
    const [first] = WIRE.trainable;
    if (!first) throw new Error('the model has parameters');
    expect(() => manifestFromWire({ ...WIRE, trainable: [first, first] })).toThrow(unusable);
    expect(() => manifestFromWire({ ...WIRE, inputs: [...WIRE.inputs, ...WIRE.inputs.slice(1)] })).toThrow(unusable);
    expect(() => manifestFromWire({ ...WIRE, sums: ['loss', 'loss'] })).toThrow(unusable);
  });

  it('without exactly one input that is sent is refused', () => {
    const [images, ...drawn] = WIRE.inputs;
    if (images?.from !== 'data') throw new Error('images come first');
    expect(() => manifestFromWire({ ...WIRE, inputs: drawn })).toThrow(unusable);
    expect(() => manifestFromWire({ ...WIRE, inputs: [images, { ...images, name: 'more' }] })).toThrow(unusable);
  });

  it('that takes more memory than a message may is refused', () => {
    const large = { name: 'k', shape: Array<number>(8).fill(2 ** 26) };
    const initializer = { kind: 'constant', value: 0 } as const;
    expect(() => manifestFromWire({ ...WIRE, trainable: [{ ...large, initializer }] })).toThrow(unusable);
    expect(() => manifestFromWire({ ...WIRE, inputs: [{ ...large, from: 'data' }] })).toThrow(unusable);
    // Besides gradients, a leaf holds statistics, sums and the number of samples.
    const leafOf = (numbers: number) => ({
      ...WIRE,
      trainable: [{ name: 'k', shape: [numbers], initializer }],
      movingStatistics: [{ name: 'mean', shape: [1], initializer, momentum: 0.5 }],
      sums: ['loss'],
    });
    expect(manifestFromWire(leafOf(MAX_MESSAGE_BYTES / 4 - 3)).trainableSize).toBe(MAX_MESSAGE_BYTES / 4 - 3);
    expect(() => manifestFromWire(leafOf(MAX_MESSAGE_BYTES / 4 - 2))).toThrow(unusable);
  });
});

describe('programs', () => {
  it('are hashed with their order, sizes and hashes', () => {
    const [first, second] = programs.map((program) => ({ ...program }));
    if (!first || !second) throw new Error('two programs were expected');
    const variants = [[first, second], [second, first], [first], [{ ...first, bytes: 101 }, second]];
    expect(new Set(variants.map((variant) => Buffer.from(programsBytes(variant)).toString())).size).toBe(4);
  });
});

describe('sha256', () => {
  it('is that of the bytes in view', async () => {
    const bytes = Buffer.from('.abc.').subarray(1, 4);
    expect(await sha256(bytes)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

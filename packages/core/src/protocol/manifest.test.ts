import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../errors.ts';
import { phaseAt, roundsPerStep } from '../model/manifest.ts';
import { DEFAULT_OPTIMIZERS } from '../optimizers/optimizer.ts';
import { wireManifest } from '../testing/manifest.ts';
import { contributionLayout } from '../training/contribution.ts';
import { encodeFrame, decodeFromCoordinator } from './codec.ts';
import { manifestBytes, manifestFromWire, manifestToWire, programBytes, sha256 } from './manifest.ts';
import { MAX_MESSAGE_BYTES, PROTOCOL_VERSION } from './frame.ts';
import type { MessageOf } from './messages.ts';

type Wire = MessageOf<'welcome'>['manifest'];

const programs = [
  { phase: 'critic', samples: 64, bytes: 100, sha256: 'a'.repeat(64) },
  { phase: 'generator', samples: 32, bytes: 200, sha256: 'b'.repeat(64) },
];

const training: MessageOf<'welcome'>['training'] = {
  wire: 'float32',
  localSteps: 1,
  localFrom: 0,
  flip: false,
  optimizers: { ...DEFAULT_OPTIMIZERS },
};

function welcomeWith(manifest: Wire): MessageOf<'welcome'> {
  const common = { type: 'welcome', protocol: PROTOCOL_VERSION, run: 'run', seed: 0, heartbeatMs: 1000 } as const;
  return { ...common, manifest, training, programs };
}

/** The manifest with a change. */
function changed(change: (wire: Wire) => unknown): Wire {
  const wire = wireManifest();
  change(wire);
  return wire;
}

/** The same data, with the keys of all objects in another order. */
function reordered<T>(data: T): T {
  const turn = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toReversed())
      : value;
  return JSON.parse(JSON.stringify(data, turn)) as T;
}

/** The element, which has to be there. */
function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`there is no element ${index}`);
  return element;
}

/** The code of the refusal, or undefined where there is none; any other error fails the test. */
function refusal(wire: Wire): string | undefined {
  try {
    manifestFromWire(wire);
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    return (error as GantryError).code;
  }
  return undefined;
}

const initializer: Wire['trainable'][number]['initializer'] = { kind: 'constant', value: 0 };

describe('manifest', () => {
  it('survives the welcome', () => {
    const manifest = manifestFromWire(wireManifest());
    const { message } = decodeFromCoordinator(encodeFrame(welcomeWith(manifestToWire(manifest))), undefined);
    expect(manifestToWire(manifest)).toEqual(wireManifest());
    expect(manifestFromWire((message as MessageOf<'welcome'>).manifest)).toEqual(manifest);
  });

  it('says where its networks lie, and which phase a round is', () => {
    const manifest = manifestFromWire(wireManifest());
    expect(manifest.networks).toEqual([
      { name: 'generator', weights: { offset: 0, size: 8 }, statistics: { offset: 0, size: 4 } },
      { name: 'discriminator', weights: { offset: 8, size: 3 }, statistics: { offset: 0, size: 0 } },
    ]);
    expect([manifest.trainableSize, manifest.movingStatisticsSize, roundsPerStep(manifest)]).toEqual([11, 4, 4]);
    const phases = [0, 1, 2, 3].map((iteration) => phaseAt(manifest, iteration));
    expect(phases.map(({ name }) => name)).toEqual(['critic', 'critic', 'critic', 'generator']);
    expect(() => phaseAt(manifest, 4)).toThrow(RangeError);
    // Gradients and statistics of the networks that the phase updates, its sums, and the number of samples.
    expect(phases.map((phase) => contributionLayout(manifest, phase).length)).toEqual([6, 6, 6, 8 + 4 + 1 + 1]);
  });

  it('is hashed with all that it says', () => {
    const bytes = (change: (wire: Wire) => unknown) =>
      Buffer.from(manifestBytes(manifestFromWire(changed(change)))).toString();
    const inEachPhase = (change: (phase: Wire['phases'][number]) => unknown) =>
      bytes(({ phases }) => phases.forEach((phase) => change(phase)));
    const variants = [
      bytes(() => {}),
      bytes((wire) => (wire.model = 'other')),
      bytes((wire) => (wire.trainable = wire.trainable.toReversed())),
      bytes(({ trainable }) => (at(trainable, 0).shape = [2, 3])),
      bytes(({ trainable }) => (at(trainable, 0).name = 'generator/other')),
      bytes(({ trainable }) => (at(trainable, 0).initializer = { kind: 'constant', value: 3 })),
      bytes(({ movingStatistics }) => movingStatistics.splice(0, 1)),
      bytes(({ movingStatistics }) => (at(movingStatistics, 0).momentum = 0.5)),
      bytes((wire) => (wire.phases = wire.phases.toReversed())),
      bytes(({ phases }) => phases.pop()),
      bytes(({ phases }) => (at(phases, 0).name = 'other')),
      bytes(({ phases }) => (at(phases, 0).times = 2)),
      bytes(({ phases }) => (at(phases, 0).updates = ['generator'])),
      bytes(({ phases }) => at(phases, 0).updates.push('generator')),
      bytes(({ phases: [first] }) => first && (first.sums = first.sums.toReversed())),
      bytes(({ phases }) => at(phases, 0).sums.pop()),
      bytes(({ phases: [first] }) => first && (first.inputs = first.inputs.toReversed())),
      bytes(({ phases }) => at(phases, 0).inputs.pop()),
      bytes(({ phases }) => (at(at(phases, 0).inputs, 1).shape = [101])),
      inEachPhase(({ inputs }) => (at(inputs, 0).shape = [4])),
      inEachPhase(({ inputs }) => {
        const noise = at(inputs, 1);
        if (noise.from === 'normal') noise.streams = [99];
      }),
      inEachPhase(({ inputs }) => {
        const mix = at(inputs, 2);
        if (mix.from === 'uniform') mix.from = 'normal';
      }),
      inEachPhase(({ inputs }) => {
        const mask = at(inputs, 3);
        if (mask.from === 'keepMask') mask.rate = 0.5;
      }),
    ];
    expect(new Set(variants).size).toBe(variants.length);
    expect(bytes(() => {})).toBe(variants[0]);
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['parameters', ({ trainable }) => trainable.splice(1, 0, at(trainable, 0))],
    ['moving statistics', ({ movingStatistics }) => movingStatistics.push(at(movingStatistics, 0))],
    ['inputs', ({ phases }) => at(phases, 1).inputs.push(at(at(phases, 1).inputs, 1))],
    ['sums', ({ phases }) => at(phases, 1).sums.push('generatorLoss')],
    ['a parameter and an input', ({ phases, trainable }) => (at(at(phases, 0).inputs, 1).name = at(trainable, 0).name)],
    ['a statistic and a sum', ({ phases, movingStatistics }) => at(phases, 1).sums.push(at(movingStatistics, 0).name)],
    ['phases', ({ phases }) => phases.push(at(phases, 0))],
    ['networks that a phase updates', ({ phases }) => at(phases, 0).updates.push('discriminator')],
  ])('with a name that comes twice is refused: %s', (_, change) => {
    expect(refusal(changed(change))).toBe('E_MANIFEST');
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['none is sent', ({ phases }) => at(phases, 1).inputs.shift()],
    ['two are sent', ({ phases }) => at(phases, 1).inputs.push({ from: 'data', name: 'more', shape: [2, 2] })],
    ['of two shapes', ({ phases }) => (at(at(phases, 1).inputs, 0).shape = [4])],
  ])('without one input in each phase that is sent, of one shape, is refused: %s', (_, change) => {
    expect(refusal(changed(change))).toBe('E_MANIFEST');
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['parameters lie apart', ({ trainable }) => trainable.push(at(trainable.splice(0, 1), 0))],
    [
      'moving statistics lie apart',
      ({ movingStatistics }) =>
        movingStatistics.splice(1, 0, { ...at(movingStatistics, 0), name: 'discriminator/bn/moving_mean' }),
    ],
    [
      'moving statistics belong to no network',
      ({ movingStatistics }) => (at(movingStatistics, 0).name = 'other/bn/moving_mean'),
    ],
    ['a phase updates no network of the model', ({ phases }) => (at(phases, 0).updates = ['critic'])],
    ['a parameter is of no network', ({ trainable }) => (at(trainable, 3).name = 'bias')],
    ['a network has no name', ({ trainable }) => (at(trainable, 3).name = '/bias')],
  ])('whose networks are none is refused: %s', (_, change) => {
    expect(refusal(changed(change))).toBe('E_MANIFEST');
  });

  it('of any names, shapes and order is taken, and comes back as it was, or is refused as a manifest', () => {
    const network: fc.Arbitrary<string> = fc.constantFrom(
      'generator',
      'discriminator',
      'x',
      '__proto__',
      'constructor',
      '..',
    );
    const name = fc.oneof(
      fc.tuple(network, fc.constantFrom('a', 'b', 'c/d', '')).map((parts) => parts.join('/')),
      fc.constantFrom('a', 'ab', 'generator', '/', '.'),
    );
    const shape = fc.oneof(
      fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
      fc.constant(Array<number>(8).fill(2 ** 30)),
    );
    const parameter = fc.record({
      name,
      shape,
      initializer: fc.constant<Wire['trainable'][number]['initializer']>(initializer),
    });
    const statistic = fc.record({
      name,
      shape,
      initializer: fc.constant<Wire['trainable'][number]['initializer']>(initializer),
      momentum: fc.constant(0.5),
    });
    const input = fc.oneof(
      fc.record({
        from: fc.constant('data' as const),
        name,
        shape: fc.boolean().map((isFlat) => (isFlat ? [2] : [2, 2])),
      }),
      fc.record({
        from: fc.constantFrom('normal' as const, 'uniform' as const),
        name,
        shape,
        streams: fc.array(fc.constant(2), { minLength: 1, maxLength: 1 }),
      }),
    );
    const phase = fc.record({
      name,
      times: fc.integer({ min: 1, max: 3 }),
      updates: fc.array(network, { minLength: 1, maxLength: 2 }),
      inputs: fc.array(input, { minLength: 1, maxLength: 2 }),
      sums: fc.array(name, { maxLength: 2 }),
    });
    const wires = fc.record({
      model: network,
      trainable: fc.array(parameter, { minLength: 1, maxLength: 3 }),
      movingStatistics: fc.array(statistic, { maxLength: 2 }),
      phases: fc.array(phase, { minLength: 1, maxLength: 2 }),
    });
    fc.assert(
      fc.property(wires, (wire) => {
        const { message } = decodeFromCoordinator(encodeFrame(welcomeWith(wire)), undefined);
        const received = (message as MessageOf<'welcome'>).manifest;
        const code = refusal(received);
        expect(code).toBe(refusal(wire));
        if (code !== undefined) {
          expect(code).toBe('E_MANIFEST');
          return;
        }
        const manifest = manifestFromWire(received);
        expect(manifestBytes(manifest)).toEqual(manifestBytes(manifestFromWire(wire)));
        expect(manifestBytes(manifestFromWire(manifestToWire(manifest)))).toEqual(manifestBytes(manifest));
        const sizes = manifest.networks.map(({ weights, statistics }) => [weights.size, statistics.size]);
        expect(sizes.reduce((sum, [weights = 0]) => sum + weights, 0)).toBe(manifest.trainableSize);
        expect(sizes.reduce((sum, [, statistics = 0]) => sum + statistics, 0)).toBe(manifest.movingStatisticsSize);
        for (const each of manifest.phases) {
          expect(Object.keys(contributionLayout(manifest, each).gradients)).toHaveLength(each.updates.length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('that takes more memory than a message may is refused', () => {
    const large = { name: 'generator/k', shape: Array<number>(8).fill(2 ** 26) };
    expect(refusal(changed(({ trainable }) => trainable.splice(0, 1, { ...large, initializer })))).toBe('E_MANIFEST');
    expect(refusal(changed(({ phases }) => (at(at(phases, 0).inputs, 1).shape = large.shape)))).toBe('E_MANIFEST');
    // Besides gradients, a contribution holds statistics, sums and the number of samples.
    const contributionOf = (numbers: number): Wire => ({
      model: 'm',
      trainable: [{ name: 'n/k', shape: [numbers], initializer }],
      movingStatistics: [{ name: 'n/mean', shape: [1], initializer, momentum: 0.5 }],
      phases: [
        { name: 'p', times: 1, updates: ['n'], inputs: [{ name: 'x', shape: [1], from: 'data' }], sums: ['loss'] },
      ],
    });
    expect(manifestFromWire(contributionOf(MAX_MESSAGE_BYTES / 4 - 3)).trainableSize).toBe(MAX_MESSAGE_BYTES / 4 - 3);
    expect(refusal(contributionOf(MAX_MESSAGE_BYTES / 4 - 2))).toBe('E_MANIFEST');
  });
});

describe('programs', () => {
  it('are hashed with their order, phases, sizes and hashes, with the seed and with how training goes', () => {
    const [first, second] = programs.map((program) => ({ ...program }));
    if (!first || !second) throw new Error('two programs were expected');
    const variants = [
      [first, second],
      [second, first],
      [first],
      [{ ...first, bytes: 101 }, second],
      [{ ...first, phase: 'generator' }, second],
    ];
    const welcome = { seed: 7, programs: [first, second], training };
    const { generator, discriminator } = DEFAULT_OPTIMIZERS;
    const trainings = [
      { ...training, wire: 'int8' as const },
      { ...training, localSteps: 2 },
      { ...training, localFrom: 1 },
      { ...training, optimizers: { generator } },
      { ...training, optimizers: { generator, discriminator: { ...discriminator, learningRate: 1 } } },
    ];
    const welcomes = [
      ...variants.map((each) => ({ ...welcome, programs: each })),
      { ...welcome, seed: 8 },
      ...trainings.map((each) => ({ ...welcome, training: each })),
    ];
    const hashed = (each: typeof welcome) => Buffer.from(programBytes(each)).toString();
    expect(new Set(welcomes.map(hashed)).size).toBe(welcomes.length);
    expect(hashed(reordered(welcome))).toBe(hashed(welcome));
  });
});

describe('sha256', () => {
  it('is that of the bytes in view', async () => {
    const bytes = Buffer.from('.abc.').subarray(1, 4);
    expect(await sha256(bytes)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

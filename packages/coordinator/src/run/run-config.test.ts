import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIMIZERS } from '@gantry/core';
import { overlaid, type ConfigSource, type GivenConfig, type GivenOptimizer } from './given-config.ts';
import { newConfig, parseRunJson, resumedConfig, version } from './run-config.ts';
import { sealedJson } from '../storage/sealed-json.ts';

function source(settings: GivenConfig, name = 'given'): ConfigSource {
  return { settings, describe: (path, value) => `${name}:${path.join('.')}${value === undefined ? '' : `=${value}`}` };
}

const NETWORKS = Object.keys(DEFAULT_OPTIMIZERS);
/** The configuration of a new run from a file and flags. */
const merged = (file: GivenConfig, flags: GivenConfig = {}) =>
  newConfig([source(file, 'file'), source(flags, 'flag')], NETWORKS);

const adam = DEFAULT_OPTIMIZERS.generator;
const sgd = { name: 'sgd', learningRate: 0.01, momentum: 0 };
const cosine = { kind: 'cosine', warmUpSteps: 2, steps: 9, finalFraction: 0.5 };

const rate = fc.double({ min: 1e-6, max: 1, noNaN: true });
const decay = fc.double({ min: 0, max: 0.999, noNaN: true });
const steps = fc.integer({ min: 1, max: 1000 });

const schedules = fc.oneof(
  fc.record({ kind: fc.constant('constant'), warmUpSteps: steps }, { requiredKeys: [] }),
  fc.record(
    { kind: fc.constant('cosine'), steps, warmUpSteps: steps, finalFraction: decay },
    { requiredKeys: ['kind', 'steps'] },
  ),
);
const common = { learningRate: rate, clipNorm: rate, schedule: schedules };
const optimizer: fc.Arbitrary<GivenOptimizer> = fc.oneof(
  fc.record(common, { requiredKeys: [] }),
  fc.record({ ...common, name: fc.constant('adam'), beta1: decay, epsilon: rate }, { requiredKeys: ['name'] }),
  fc.record({ ...common, name: fc.constant('sgd'), momentum: decay }, { requiredKeys: ['name'] }),
);
const optimizersOfAll = Object.fromEntries(Object.keys(DEFAULT_OPTIMIZERS).map((network) => [network, optimizer]));
/** What makes a configuration by itself. */
const configs: fc.Arbitrary<GivenConfig> = fc.record(
  {
    seed: fc.nat(),
    batch: steps,
    limit: fc.integer({ min: 2, max: 1000 }),
    epochs: steps,
    optimizers: fc.record(optimizersOfAll, { requiredKeys: [] }) as fc.Arbitrary<Record<string, GivenOptimizer>>,
  },
  { requiredKeys: [] },
);

type Leaf = readonly [path: readonly string[], value: unknown];

function leaves(value: object): Leaf[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): Leaf[] =>
    typeof inner === 'object' && inner !== null
      ? leaves(inner).map(([path, leaf]) => [[key, ...path], leaf])
      : [[[key], inner]],
  );
}

function nested(all: readonly Leaf[]): GivenConfig {
  const single = ([path, value]: Leaf) => path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return all.reduce<GivenConfig>((config, leaf) => overlaid(config, single(leaf) as GivenConfig), {});
}

describe('newConfig', () => {
  it('is the same however settings are shared between sources', () => {
    fc.assert(
      fc.property(configs, fc.infiniteStream(fc.boolean()), (whole, choices) => {
        const all = leaves(whole).map((leaf) => ({ leaf, inFile: choices.next().value as boolean }));
        const part = (inFile: boolean) => nested(all.filter((one) => one.inFile === inFile).map(({ leaf }) => leaf));
        expect(merged(part(true), part(false))).toEqual(merged(whole));
      }),
    );
  });

  it('holds every value of the last source', () => {
    fc.assert(
      fc.property(configs, configs, (file, flags) => {
        expect(merged(file, flags)).toMatchObject(nested(leaves(flags)));
      }),
    );
  });

  it('changes nothing where a run’s own configuration is given', () => {
    fc.assert(
      fc.property(configs, (given) => {
        const config = merged(given);
        const { optimizers, ...others } = config;
        expect(merged({ ...others, optimizers: { ...optimizers } })).toEqual(config);
        expect(resumedConfig(config, [source(given)])).toEqual(config);
      }),
    );
  });

  it('lets another optimizer begin with its own defaults, its schedule included', () => {
    const before = { ...adam, learningRate: 3, clipNorm: 1, schedule: cosine };
    const file = { optimizers: { generator: before, discriminator: before } };
    const flags = { optimizers: { generator: { name: 'sgd', momentum: 0.5 }, discriminator: { name: 'adam' } } };
    expect(merged(file, flags).optimizers).toEqual({ generator: { ...sgd, momentum: 0.5 }, discriminator: before });
  });

  it('gives settings without a name to the optimizer that another source names', () => {
    const { generator } = merged(
      { optimizers: { generator: { momentum: 0.5, learningRate: 2 } } },
      { optimizers: { generator: { name: 'sgd' } } },
    ).optimizers;
    expect(generator).toEqual({ ...sgd, learningRate: 2, momentum: 0.5 });
  });

  it.each([
    [
      { kind: 'constant', warmUpSteps: 5 },
      { kind: 'cosine', steps: 3 },
      { ...cosine, warmUpSteps: 5, steps: 3, finalFraction: 0 },
    ],
    [cosine, { kind: 'constant' }, { kind: 'constant', warmUpSteps: 2 }],
    [cosine, { warmUpSteps: 0 }, { ...cosine, warmUpSteps: 0 }],
    [undefined, { warmUpSteps: 7 }, { kind: 'constant', warmUpSteps: 7 }],
  ])('lays over the schedule %j another one, %j', (before, after, schedule) => {
    const given = (own: object | undefined) => ({ optimizers: { generator: { schedule: own as never } } });
    expect(merged(given(before), given(after)).optimizers['generator']).toEqual({ ...adam, schedule });
  });

  it.each<[problem: string, file: object, flags: object, message: string | RegExp]>([
    ['a type', { batch: 'x' }, {}, 'file:batch: expected number, received string'],
    ['a range', {}, { batch: 0 }, 'flag:batch: expected number to be >=1'],
    ['what another source overrides', { batch: 'x' }, { batch: 16 }, /^file:batch: expected number/],
    [
      'what another optimizer replaces',
      { optimizers: { generator: { name: 'adam', beta1: 1 } } },
      { optimizers: { generator: { name: 'sgd' } } },
      /^file:optimizers.generator.beta1: expected number to be <1$/,
    ],
    ['null', { limit: null }, {}, /^file:limit: expected number, received null$/],
    ['an unknown setting', { sed: 1 }, {}, /^file:sed: there is no such setting; there are model, seed, batch, /],
    [
      'an unknown network',
      { optimizers: { gen: {} } },
      {},
      /^file:optimizers.gen: there is no such network; there are generator, d/,
    ],
    [
      'an unknown optimizer',
      { optimizers: { generator: { name: 'lion' } } },
      {},
      'file:optimizers.generator.name: expected adam or sgd or rmsprop',
    ],
    [
      'a setting of another optimizer',
      { optimizers: { generator: { momentum: 0 } } },
      {},
      /^file:optimizers.generator.momentum: the optimizer adam has no such setting; it has name, learningRate, /,
    ],
    [
      'an unknown kind',
      { optimizers: { generator: { schedule: { kind: 'linear' } } } },
      {},
      /schedule.kind: expected constant or cosine$/,
    ],
    [
      'a setting of another kind',
      { optimizers: { generator: { schedule: { steps: 3 } } } },
      {},
      /^file:optimizers.generator.schedule.steps: a constant schedule has no such setting; it has kind, warmUpSteps$/,
    ],
    [
      'what is missing',
      { optimizers: { generator: { schedule: { kind: 'cosine' } } } },
      {},
      'file:optimizers.generator.schedule.steps: expected number, there is none',
    ],
    [
      'what a prototype has',
      JSON.parse('{"__proto__": null, "optimizers": {"__proto__": null}}') as object,
      {},
      /file:__proto__: there is no such setting/,
    ],
    [
      'several',
      { seed: -1 },
      { epochs: 0 },
      'file:seed: expected number to be >=0; flag:epochs: expected number to be >=1',
    ],
    [
      'both networks',
      {},
      { optimizers: { generator: { clipNorm: 0 }, discriminator: { clipNorm: 0 } } },
      'flag:optimizers.generator.clipNorm, flag:optimizers.discriminator.clipNorm: expected number to be >0',
    ],
  ])('refuses %s and names who gave it', (_, file, flags, message) => {
    expect(() => merged(file as GivenConfig, flags as GivenConfig)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: typeof message === 'string' ? message : (expect.stringMatching(message) as unknown),
      }),
    );
  });
});

describe('networks of a model', () => {
  const networks = ['generator', 'encoder'];
  const optimizers = { encoder: { learningRate: 0.5 } };

  it('have an optimizer each, in their order', () => {
    const config = newConfig([source({ optimizers })], networks);
    expect(Object.entries(config.optimizers)).toEqual([
      ['generator', adam],
      ['encoder', { ...adam, learningRate: 0.5 }],
    ]);
    expect(resumedConfig(config, [source({ optimizers })])).toEqual(config);
  });

  it('are named where others are given', () => {
    const message = 'given:optimizers.discriminator: there is no such network; there are generator, encoder';
    const given = [source({ optimizers: { discriminator: {} } })];
    expect(() => newConfig(given, networks)).toThrow(expect.objectContaining({ code: 'E_CONFIG', message }));
    expect(() => resumedConfig(newConfig([], networks), given)).toThrow(expect.objectContaining({ message }));
  });

  it('get what is given in their order', () => {
    const inOrder = (names: readonly string[]) => ({ optimizers: { [names[1] ?? '']: { learningRate: 0.25 } } });
    const given = [{ ...source({ optimizers }), inOrder }];
    expect(newConfig(given, networks).optimizers['encoder']?.learningRate).toBe(0.25);
  });
});

describe('resumedConfig', () => {
  const recorded = merged({ seed: 7, epochs: 2, optimizers: { generator: { ...sgd, schedule: cosine } } });
  const resumed = (file: object, flags: object = {}) =>
    resumedConfig(recorded, [source(file as GivenConfig, 'file'), source(flags as GivenConfig, 'flag')]);
  const generator = (settings: object) => ({ optimizers: { generator: settings } });

  it('replaces what may change', () => {
    expect(resumed({ epochs: 3, checkpointEvery: 5 }, { epochs: 4 })).toEqual({
      ...recorded,
      epochs: 4,
      checkpointEvery: 5,
    });
  });

  it('takes what the run has', () => {
    expect(resumed({ seed: 8 }, { seed: 7 })).toEqual(recorded);
    expect(resumed(generator({ schedule: { steps: 9 } }), generator({ momentum: 0 }))).toEqual(recorded);
    expect(resumed(generator({ name: 'adam', beta1: 0.5 }), generator({ name: 'sgd' }))).toEqual(recorded);
  });

  it('takes a constant schedule without a warm-up where the run has none', () => {
    const given = { optimizers: { discriminator: { schedule: { warmUpSteps: 0 } } } };
    expect(resumed(given).seed).toBe(7);
  });

  it.each<[file: object, flags: object, changes: string]>([
    [{ seed: 8 }, {}, 'file:seed=8 (the run has 7)'],
    [{ seed: 7 }, { seed: 8, limit: 5 }, 'flag:seed=8 (the run has 7), flag:limit=5 (the run has none)'],
    [generator({ name: 'adam' }), {}, 'file:optimizers.generator.name=adam (the run has sgd)'],
    [
      generator({ schedule: { kind: 'constant' } }),
      {},
      'file:optimizers.generator.schedule.kind=constant (the run has cosine)',
    ],
    [generator({ momentum: 0.5 }), {}, 'file:optimizers.generator.momentum=0.5 (the run has 0)'],
  ])('refuses another result: %j, %j', (file, flags, changes) => {
    const refusal = `cannot resume with another ${changes}: it would change the result; start a new run`;
    expect(() => resumed(file, flags)).toThrow(expect.objectContaining({ code: 'E_RESUME', message: refusal }));
  });
});

describe('parseRunJson', () => {
  const record = {
    format: 2,
    created: '2024-01-01T00:00:00.000Z',
    config: newConfig([], NETWORKS),
    data: { source: 'mnist', sha256: '0', images: 8 },
    versions: {},
    parameters: [],
    numericClasses: [],
  };

  it('gives what was recorded', () => {
    expect(parseRunJson(sealedJson(record))).toEqual(record);
  });

  it.each([
    ['a number for the model', { ...record, config: { ...record.config, model: 7 } }, /^run\.json: config\.model: .+$/],
    ['no data', { ...record, data: undefined }, /^run\.json: data: .+$/],
    [
      'another format by the version that wrote it',
      { ...record, format: 3, versions: { gantry: '7.8.9' } },
      /^run\.json: Gantry 7\.8\.9 wrote it in format 3, and this is Gantry \d.*reads format 2: go on with Gantry 7\.8\.9$/,
    ],
    [
      'settings of another version, which it names,',
      { ...record, config: { ...record.config, wings: 2 }, versions: { gantry: '7.8.9' } },
      /^run\.json: config: .*wings.* \(Gantry 7\.8\.9 wrote it, and this is Gantry \d.*\)$/,
    ],
  ])('refuses %s in one line', (_, json, message) => {
    const refusal = { code: 'E_RUN_DIRECTORY', message: expect.stringMatching(message) as unknown };
    expect(() => parseRunJson(sealedJson(json))).toThrow(expect.objectContaining(refusal));
  });

  it.each([
    ['nothing', '', /^a\/run\.json is damaged: it is not JSON; restore it from a copy$/],
    ['what somebody changed', sealedJson(record).replace('"mnist"', '"other"'), /it does not match its checksum; /],
    ['what lost its checksum', JSON.stringify(record), /^a\/run\.json is damaged: it has no checksum; /],
    [
      'the first format, of this version, too',
      JSON.stringify({ ...record, format: undefined, versions: { gantry: version } }),
      /^a\/run\.json: Gantry \S+ wrote it in format 1, .* reads format 2: go on with an older build of it$/,
    ],
  ])('refuses %s in one line', (_, text, message) => {
    const refusal = { code: 'E_RUN_DIRECTORY', message: expect.stringMatching(message) as unknown };
    expect(() => parseRunJson(text, 'a/run.json')).toThrow(expect.objectContaining(refusal));
  });
});

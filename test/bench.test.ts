import { describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE } from './support/c-compiler.ts';
import { gantry, gantryOk } from './support/gantry.ts';

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

interface Report {
  readonly benchmark: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string; readonly platform: string };
  readonly method: string;
  readonly results: readonly Record<string, unknown>[];
  readonly ratio?: Spread;
}

/** What a benchmark reports with `--json`: nothing else on standard output. */
async function reportOf(benchmark: string, ...options: string[]): Promise<Report> {
  const { stdout } = await gantryOk('bench', benchmark, ...options, '--json');
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({
    benchmark,
    machine: {
      cpu: expect.any(String),
      cores: expect.any(Number),
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      versions: { gantry: expect.any(String), onnxruntime: expect.stringMatching(/^\d+\.\d+/) },
    },
    method: expect.any(String),
  });
  return report;
}

/** Every spread in a result, by name; those of a record within it, too. */
function spreadsOf(result: object): [string, Spread][] {
  return Object.entries(result).flatMap(([name, value]: [string, unknown]): [string, Spread][] => {
    if (typeof value !== 'object' || value === null) return [];
    return 'samples' in value ? [[name, value as Spread]] : spreadsOf(value);
  });
}

/** They hold what they say, and so many samples. */
function expectSpreads(spreads: readonly [string, Spread][], count: number): void {
  for (const [name, { median, min, max, samples }] of spreads) {
    expect(samples, name).toHaveLength(count);
    expect([min, max], name).toEqual([Math.min(...samples), Math.max(...samples)]);
    expect(min <= median && median <= max && min >= 0, `${name}: ${min} … ${median} … ${max}`).toBe(true);
  }
}

describe('gantry bench', () => {
  it('step: gradients and optimizer by shard size, each step a sample', async () => {
    const { results } = await reportOf('step', '--rounds', '2', '--shard-size', '2,4,2');
    expect(results.map(({ engine, device, shardSize }) => [engine, device, shardSize])).toEqual([
      [DEFAULT_ENGINE, 'cpu', 2],
      [DEFAULT_ENGINE, 'cpu', 4],
    ]);
    for (const result of results) {
      const spreads = spreadsOf(result);
      expectSpreads(spreads, 8);
      const { gradientMs, addMs, adamMs, weightsMs, stepMs, gradientImagesPerSecond, imagesPerSecond } =
        Object.fromEntries(spreads);
      stepMs?.samples.forEach((ms, i) => {
        const parts = [gradientMs, addMs, adamMs, weightsMs].map((each) => each?.samples[i] ?? NaN);
        expect(parts.reduce((sum, part) => sum + part) / ms).toBeCloseTo(1, 3);
        expect(((imagesPerSecond?.samples[i] ?? NaN) * ms) / 1000).toBeCloseTo(result['shardSize'] as number, 2);
      });
      expect(gradientImagesPerSecond?.median).toBeGreaterThan(imagesPerSecond?.median ?? Infinity);
    }
  });

  it('step: with convolutions of a form, which round differently', async () => {
    const options = ['--rounds', '1', '--shard-size', '8', '--engine', 'onnx'];
    const results = [];
    for (const form of ['direct', 'patches', 'spectral']) {
      results.push(...(await reportOf('step', ...options, '--convolutions', form)).results);
    }
    expect(results.map(({ convolutions }) => convolutions)).toEqual(['direct', 'patches', 'spectral']);
    expect(new Set(results.map(({ probe }) => probe)).size).toBe(3);
  });

  it('train: a whole training in processes, with and without viewers', async () => {
    const sizes = ['--batch', '8', '--shard-size', '4', '--steps', '3'];
    const { results, ratio } = await reportOf('train', '--workers', '2', ...sizes, '--viewers', '2', '--rounds', '1');
    expect(results.map(({ workers, viewers }) => [workers, viewers])).toEqual([
      [2, 0],
      [2, 2],
    ]);
    const [rateWithout, rateWith] = results.map((result) => {
      const spreads = spreadsOf(result);
      const ofRuns = /^(overall.*|secondsPerEpoch|coordinatorCpu|updatesPerSecond|viewerKBPerSecond)$/;
      expectSpreads(
        spreads.filter(([name]) => ofRuns.test(name)),
        1,
      );
      expectSpreads(
        spreads.filter(([name]) => !ofRuns.test(name)),
        3,
      );
      const { total, overallImagesPerSecond, secondsPerEpoch } = Object.fromEntries(spreads);
      const overall = overallImagesPerSecond?.median ?? NaN;
      const ms = total?.samples.reduce((sum, each) => sum + each) ?? NaN;
      expect((overall * ms) / (3 * 8 * 1000)).toBeCloseTo(1, 3);
      expect((overall * (secondsPerEpoch?.median ?? NaN)) / 60_000).toBeCloseTo(1, 3);
      return overall;
    });
    expect((results[1]?.['updatesPerSecond'] as Spread | undefined)?.median).toBeGreaterThan(0);
    expect(ratio?.median).toBeCloseTo((rateWith ?? NaN) / (rateWithout ?? NaN), 3);
  });

  it.skipIf(process.platform !== 'linux')('coordinator: a step with workers that compute nothing', async () => {
    const { results } = await reportOf('coordinator', '--points', '2:3');
    expect(results).toMatchObject([{ workers: 2, leaves: 3, duplicated: expect.any(Number) }]);
    const [[name, { samples }] = ['', { samples: [] }]] = spreadsOf(results[0] ?? {});
    expect(name).toBe('stepMs');
    expect(Math.min(...samples)).toBeGreaterThan(0);
  });

  it('prints tables without --json', async () => {
    const { stdout } = await gantryOk('bench', 'step', '--rounds', '1', '--shard-size', '2');
    expect(stdout).toMatch(new RegExp(`\\| ${DEFAULT_ENGINE}, cpu \\| fastest \\| 2 \\| \\d`));
  });

  it.each([
    [['step', '--model', 'wgan-gp'], /--model wgan-gp: only models whose steps are one round are measured/],
    [['step', '--shard-size', '1'], /--shard-size.*'1'.*from 2 to 4096/],
    [['step', '--shard-size', '64,'], /--shard-size.*'64,'.*whole number/],
    [['step', '--rounds', '0'], /--rounds.*'0'/],
    [['step', '--convolutions', 'slow'], /--convolutions.*slow.*direct, patches, spectral, fastest/],
    [['step', '--data', '/nonexistent'], /\/nonexistent is missing/],
    [['step', '--engine', 'abacus'], /--engine.*abacus.*onnx, tensorflow, tfjs/],
    [['step', '--device', 'tpu'], /device tpu is none/],
    [['train', '--workers', '0'], /--workers.*'0'/],
    [['train', '--viewers', '101'], /--viewers.*'101'.*from 0 to 100/],
    [['train', '--batch', '9', '--shard-size', '4'], /one sample.*--batch, --shard-size/],
    [['coordinator', '--points', '4:3'], /--points.*'4:3'.*WORKERS:SHARDS/],
    [['coordinator', '--full', '--masked'], /--full.*leave out/],
    [['fly'], /unknown command 'fly'/],
  ])('%j is refused in one line', async (args, message) => {
    const { code, stdout, stderr } = await gantry('bench', ...args, '--json');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
  });
});

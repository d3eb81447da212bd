import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson } from '@gantry/coordinator';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE, hasCCompiler } from './support/c-compiler.ts';
import {
  Gantry,
  digestOf,
  trainedDigest,
  gantryOk,
  lineCount,
  readJson,
  readJsonLines,
  temporaryDirectory,
  whenFiles,
} from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Four epochs of 64 steps; the last batches of 6 are cut into shards of 4 and 2. Enough of them to be struck in the middle. */
const SIZES = ['--limit', '1014', '--batch', '16', '--shard-size', '4'];
const RUN = ['train', ...TINY, '--workers', '0', '--epochs', '4', '--seed', '7', '--checkpoint-every', '20', ...SIZES];
const STEPS = 256;
const IMAGES = 4 * 1014;
const RESUME = ['train', ...TINY_DATA, '--workers', '0', '--resume'];

interface Summary {
  readonly steps: number;
  readonly weightsDigest: string;
}

/** Of a run of eight steps: batches of 64, 64, 64 and 24, the last one cut into shards of 16 and 8. */
const SHORT = ['--epochs', '2', '--limit', '216', '--batch', '64', '--shard-size', '16'];
const digestWith = (...options: string[]) => trainedDigest(...RUN.slice(1), ...SHORT, ...options);

/** The digest that every disturbed run has to reach. */
let undisturbed: Promise<string>;
beforeAll(() => (undisturbed = trainedDigest(...RUN.slice(1))));

function checkpointsOf(run: string): string[] {
  return readdirSync(join(run, 'checkpoints')).toSorted();
}

/** Starts a run and kills it without warning once its metrics have so many lines. */
async function killedAfter(lines: number, ...args: string[]): Promise<string> {
  const directory = temporaryDirectory();
  const path = join(directory, 'run');
  const run = new Gantry([...RUN, '--run', path, ...args]);
  await whenFiles(() => lineCount(path, 'metrics.jsonl') >= lines);
  run.process.kill('SIGKILL');
  expect((await run.finished).signal).toBe('SIGKILL');
  return path;
}

describe('the weights of a run', () => {
  it('are the same for the same command, whatever the number of threads', async () => {
    const first = await digestWith();
    expect(await digestWith()).toBe(first);
    expect(await digestWith('--threads', '1')).toBe(first);
    expect(await digestWith('--threads', '3', '--checkpoint-every', '1')).toBe(first);
    expect(await digestWith('--seed', '8')).not.toBe(first);
    expect(await digestWith('--shard-size', '32')).not.toBe(first);
  });
});

describe('a killed run', () => {
  it.each([1, 150])('killed after %i steps ends with the same weights when resumed', async (killedAt) => {
    const path = await killedAfter(killedAt);
    const before = readJsonLines<{ step: number }>(path, 'metrics.jsonl').length;
    const { stderr } = await gantryOk(...RESUME, '--run', path);
    expect(readJson<Summary>(path, 'summary.json')).toMatchObject({ steps: STEPS, weightsDigest: await undisturbed });

    const resumed = readJsonLines<{ type: string; step: number }>(path, 'events.jsonl').find(
      ({ type }) => type === 'resumed',
    );
    expect(before - (resumed?.step ?? NaN)).toBeLessThanOrEqual(20);
    const steps = readJsonLines<{ step: number }>(path, 'metrics.jsonl').map(({ step }) => step);
    expect(steps).toEqual([...Array(STEPS).keys()].map((i) => i + 1));
    const work = readJsonLines<{ step: number; node: number[]; samples: number }>(path, 'work.jsonl');
    expect(new Set(work.map(({ step, node }) => `${step} ${node.join()}`)).size).toBe(work.length);
    expect(work.reduce((sum, { samples }) => sum + samples, 0)).toBe(IMAGES);
    if (resumed?.step !== 0) expect(stderr).toContain(`going on after step ${resumed?.step}`);
  });

  it('goes back one checkpoint if a byte of the newest one has changed', async () => {
    const path = await killedAfter(50);
    const newest = checkpointsOf(path).at(-1) as string;
    const file = join(path, 'checkpoints', newest, 'generator.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { stderr } = await gantryOk(...RESUME, '--run', path);
    expect(stderr).toMatch(new RegExp(`${newest}.*generator\\.safetensors`));
    expect(digestOf(path)).toBe(await undisturbed);
  });
});

describe('a run stopped by SIGINT', () => {
  it('finishes its step, writes a checkpoint, says how to go on, and does', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'run');
    const run = new Gantry([...RUN, '--run', path, '--checkpoint-every', '10000']);
    await whenFiles(() => lineCount(path, 'metrics.jsonl') >= 2);
    run.process.kill('SIGINT');
    const { code, stderr } = await run.finished;
    expect(code).toBe(130);
    expect(stderr).toContain(`gantry train --run ${path} --resume`);
    const steps = lineCount(path, 'metrics.jsonl');
    expect(checkpointsOf(path).at(-1)).toBe(`step-${String(steps).padStart(8, '0')}`);
    await gantryOk(...RESUME, '--run', path);
    expect(digestOf(path)).toBe(await undisturbed);
  });

  it('ends in order where the signal comes twice, as from a terminal and from npx', async () => {
    const path = join(temporaryDirectory(), 'run');
    const run = new Gantry([...RUN, '--run', path, '--checkpoint-every', '10000']);
    await whenFiles(() => lineCount(path, 'metrics.jsonl') >= 2);
    // Two of a kind could melt into one before they arrive.
    run.process.kill('SIGTERM');
    run.process.kill('SIGINT');
    expect((await run.finished).stderr).toContain(`gantry train --run ${path} --resume`);
    const steps = lineCount(path, 'metrics.jsonl');
    expect(checkpointsOf(path).at(-1)).toBe(`step-${String(steps).padStart(8, '0')}`);
  });

  it('can be resumed for more epochs with other intervals and threads', async () => {
    const path = join(temporaryDirectory(), 'run');
    await gantryOk(...RUN, '--run', path, '--epochs', '1');
    await gantryOk(...RESUME, '--run', path, '--epochs', '4', '--checkpoint-every', '50', '--threads', '1');
    expect(digestOf(path)).toBe(await undisturbed);
    const { config, numericClasses, bitIdentical } = readJson<RunJson>(path, 'run.json');
    expect(config).toMatchObject({ epochs: 4, checkpointEvery: 50, seed: 7 });
    expect(numericClasses).toEqual([
      {
        class: hasCCompiler() ? 'native-1' : 'onnx-cpu',
        probe: expect.stringMatching(/^[0-9a-f]{16}$/),
        engine: DEFAULT_ENGINE,
        device: 'cpu',
      },
    ]);
    expect(bitIdentical).toBe(true);
  });
});

describe('the run directory', () => {
  it('holds what the contract says', async () => {
    const path = join(temporaryDirectory(), 'run');
    // Two epochs of four steps of the model that is trained by default.
    const sizes = ['--epochs', '2', '--limit', '216', '--batch', '64', '--shard-size', '16', '--checkpoint-every', '3'];
    const { stdout } = await gantryOk('train', '--workers', '0', '--seed', '7', ...sizes, '--run', path, '--json');
    expect(readdirSync(path).toSorted()).toEqual([
      'checkpoints',
      'control.token',
      'evaluations.jsonl',
      'events.jsonl',
      'metrics.jsonl',
      'run.json',
      'samples',
      'samples.gif',
      'summary.json',
      'work.jsonl',
      'work.token',
    ]);
    expect(readdirSync(join(path, 'samples')).toSorted()).toEqual([
      'epoch-0000.png',
      'epoch-0001.png',
      'epoch-0002.png',
      'real.png',
    ]);
    expect(checkpointsOf(path)).toEqual(['step-00000004', 'step-00000006', 'step-00000008']);
    expect(readdirSync(join(path, 'checkpoints', 'step-00000008')).toSorted()).toEqual([
      'discriminator.safetensors',
      'generator.safetensors',
      'optimizer.safetensors',
      'state.json',
    ]);
    const gif = await sharp(join(path, 'samples.gif'), { animated: true }).metadata();
    expect(gif.pages).toBe(3);
    for (const line of readJsonLines<Record<string, number>>(path, 'metrics.jsonl')) {
      for (const key of [
        'generatorLoss',
        'discriminatorLoss',
        'dReal',
        'dFake',
        'generatorGradNorm',
        'imagesPerSecond',
      ]) {
        expect(line[key], key).toBeGreaterThan(0);
      }
    }
    expect(JSON.parse(stdout)).toMatchObject(readJson<object>(path, 'summary.json'));
  });
});

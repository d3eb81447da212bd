import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { initialState, type TrainingState } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PLAN, SmallRun, bitsOf, checkpointName, stateAt } from '../testing/checkpoints.ts';
import { CheckpointStore, weightsDigest } from './checkpoint-store.ts';

function slice(flat: Float32Array, from: number, to: number): number[] {
  return [...flat.subarray(from, to)];
}

let run: string;
let small: SmallRun;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
  small = new SmallRun(run);
});
afterEach(() => rm(run, { recursive: true }));

const savedNames = async () => (await readdir(join(run, 'checkpoints'))).toSorted();
const names = (...steps: number[]) => steps.map(checkpointName);

describe('saving and restoring', () => {
  test('gives back every bit', async () => {
    await small.saveAll(7);
    expect(await (await small.open()).restore()).toEqual({ state: stateAt(7), skipped: [] });
  });

  test('of the whole model gives back every bit, in the stated files', async () => {
    const manifest = modelManifest();
    const state = initialState(manifest, 3);
    state.optimizers['generator']?.moments['m']?.fill(0.1);
    state.optimizers['discriminator']?.moments['v']?.fill(0.2);
    await (await CheckpointStore.open(run, manifest)).save(state, PLAN);
    expect((await readdir(small.directoryOf(0))).toSorted()).toEqual([
      'discriminator.safetensors',
      'generator.safetensors',
      'optimizer.safetensors',
      'state.json',
    ]);
    const restored = await (await CheckpointStore.open(run, manifest)).restore();
    expect(restored?.state.step).toBe(0);
    expect(restored && bitsOf(restored.state)).toEqual(bitsOf(state));
    // 4 bytes for each number: a generator of 2,305,472 and its statistics, and both moments of all.
    const { size } = await stat(join(small.directoryOf(0), 'optimizer.safetensors'));
    expect(size - (2_305_472 + 212_865) * 8).toBeLessThan(8192);
  });

  test('is undefined where nothing was saved', async () => {
    expect(await (await small.open()).restore()).toBeUndefined();
  });

  test('keeps the state as it was at the call', async () => {
    const store = await small.open();
    const state = stateAt(1);
    const saved = store.save(state, PLAN);
    state.weights.fill(0);
    state.optimizers['generator']?.moments['m']?.fill(0);
    const { scalars = {} } = state.optimizers['generator'] ?? {};
    scalars['beta1Power'] = 0;
    state.step = 2;
    await saved;
    expect(await (await small.open()).restore()).toEqual({ state: stateAt(1), skipped: [] });
  });

  test('keeps the state of any optimizer, one without moments, too', async () => {
    const velocity = Float32Array.from({ length: 8 }, (_, i) => i / 3);
    const state: TrainingState = {
      ...stateAt(5),
      optimizers: {
        generator: { moments: { velocity }, scalars: {} },
        discriminator: { moments: {}, scalars: { t: 0.1 } },
      },
    };
    await (await small.open()).save(state, PLAN);
    expect(await (await small.open()).restore()).toEqual({ state, skipped: [] });
  });

  test('reads what the first edition has written', async () => {
    await small.saveAll(7);
    const file = join(small.directoryOf(7), 'state.json');
    const {
      optimizers,
      sha256: hashes,
      step,
      epoch,
    } = JSON.parse(await readFile(file, 'utf8')) as {
      optimizers: Record<'generator' | 'discriminator', { scalars: Record<string, number> }>;
    } & Record<string, unknown>;
    const record = {
      format: 1,
      step,
      epoch,
      generatorAdam: optimizers.generator.scalars,
      discriminatorAdam: optimizers.discriminator.scalars,
      sha256: hashes,
    };
    const checksum = createHash('sha256').update(JSON.stringify(record)).digest('hex');
    await writeFile(file, `${JSON.stringify({ ...record, checksum }, null, 2)}\n`);
    expect(await (await small.open()).restore()).toEqual({ state: stateAt(7), skipped: [] });
    await writeFile(file, `${JSON.stringify({ ...record, step: 8, checksum }, null, 2)}\n`);
    await expect((await small.open()).restore()).rejects.toThrow(/checksum/);
  });

  test('runs one save after another, and refuses a third', async () => {
    const store = await small.open();
    const saves = [store.save(stateAt(1), PLAN), store.save(stateAt(2), PLAN)];
    await expect(store.save(stateAt(3), PLAN)).rejects.toThrow(/two checkpoints are being saved already/);
    await Promise.all(saves);
    await store.save(stateAt(4), PLAN);
    expect(await savedNames()).toEqual(names(1, 2, 4));
  });

  test('writes a step only once', async () => {
    const store = await small.saveAll(5);
    const before = await stat(small.directoryOf(5), { bigint: true });
    await store.save(stateAt(5), PLAN);
    expect((await stat(small.directoryOf(5), { bigint: true })).ino).toBe(before.ino);
  });

  test('keeps the newest 3 and every 15th epoch', async () => {
    await small.saveAll(140, 145, 149, 150, 151, 155, 160, 300, 305, 310, 315, 320);
    expect(await savedNames()).toEqual(names(150, 300, 310, 315, 320));
  });

  test('removes what a killed process left half done', async () => {
    await small.saveAll(1);
    await cp(small.directoryOf(1), join(run, 'checkpoints', '.tmp-new-step-00000002'), { recursive: true });
    await small.open();
    expect(await savedNames()).toEqual(names(1));
  });
});

test('weightsDigest is the sha256 of weights and moving statistics in little-endian bytes', () => {
  const state = { ...stateAt(0), weights: Float32Array.of(1, -2), movingStatistics: Float32Array.of(0.5) };
  // printf '\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f' | sha256sum
  expect(weightsDigest(state)).toBe('2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422');
});

describe("Python's safetensors", () => {
  const isInstalled = spawnSync('python3', ['-c', 'import safetensors']).status === 0;

  test.skipIf(!isInstalled)(`reads what was written${isInstalled ? '' : ' (skipped: not installed)'}`, async () => {
    await small.saveAll(1);
    const program = `
import json, struct, sys, safetensors
tensors = {}
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        for name, tensor in safetensors.deserialize(file.read()):
            data = bytes(tensor['data'])
            tensors[name] = [tensor['dtype'], tensor['shape'], struct.unpack('<%df' % (len(data) // 4), data)]
print(json.dumps(tensors))`;
    const files = ['generator', 'discriminator', 'optimizer'].map((name) =>
      join(small.directoryOf(1), `${name}.safetensors`),
    );
    const { stdout, stderr, status } = spawnSync('python3', ['-c', program, ...files], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const state = stateAt(1);
    const [g, d] = ['generator', 'discriminator'].map((name) => state.optimizers[name]?.moments);
    const part = (moments: typeof g, name: string, from: number, to: number) =>
      [...(moments?.[name] ?? [])].slice(from, to);
    expect(JSON.parse(stdout)).toEqual({
      'generator/dense/kernel': ['F32', [3, 2], slice(state.weights, 0, 6)],
      'generator/batch_norm/gamma': ['F32', [2], slice(state.weights, 6, 8)],
      'generator/batch_norm/moving_mean': ['F32', [2], slice(state.movingStatistics, 0, 2)],
      'generator/batch_norm/moving_variance': ['F32', [2], slice(state.movingStatistics, 2, 4)],
      'discriminator/dense/kernel': ['F32', [2, 1], slice(state.weights, 8, 10)],
      'discriminator/dense/bias': ['F32', [1], slice(state.weights, 10, 11)],
      'generator/dense/kernel/m': ['F32', [3, 2], part(g, 'm', 0, 6)],
      'generator/dense/kernel/v': ['F32', [3, 2], part(g, 'v', 0, 6)],
      'generator/batch_norm/gamma/m': ['F32', [2], part(g, 'm', 6, 8)],
      'generator/batch_norm/gamma/v': ['F32', [2], part(g, 'v', 6, 8)],
      'discriminator/dense/kernel/m': ['F32', [2, 1], part(d, 'm', 0, 2)],
      'discriminator/dense/kernel/v': ['F32', [2, 1], part(d, 'v', 0, 2)],
      'discriminator/dense/bias/m': ['F32', [1], part(d, 'm', 2, 3)],
      'discriminator/dense/bias/v': ['F32', [1], part(d, 'v', 2, 3)],
    });
  });
});

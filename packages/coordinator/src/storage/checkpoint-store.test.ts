import { createHash } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { initialState, philox4x32, type DataPlan, type ModelManifest, type TrainingState } from '@gantry/core';
import { modelManifest } from '@gantry/core/tfjs';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointStore, readGenerator, weightsDigest } from './checkpoint-store.ts';

const zeros = { initializer: { kind: 'constant', value: 0 } } as const;

/** Two parameters per network and one pair of moving statistics. */
const SMALL: ModelManifest = {
  trainable: [
    { name: 'generator/dense/kernel', shape: [3, 2], ...zeros, offset: 0, size: 6 },
    { name: 'generator/batch_norm/gamma', shape: [2], ...zeros, offset: 6, size: 2 },
    { name: 'discriminator/dense/kernel', shape: [2, 1], ...zeros, offset: 8, size: 2 },
    { name: 'discriminator/dense/bias', shape: [1], ...zeros, offset: 10, size: 1 },
  ],
  trainableSize: 11,
  discriminatorOffset: 8,
  movingStatistics: [
    { name: 'generator/batch_norm/moving_mean', shape: [2], ...zeros, momentum: 0.99, offset: 0, size: 2 },
    { name: 'generator/batch_norm/moving_variance', shape: [2], ...zeros, momentum: 0.99, offset: 2, size: 2 },
  ],
  movingStatisticsSize: 4,
  inputs: [{ name: 'images', shape: [1], from: 'data' }],
  sums: [],
};
/** Ten steps per epoch. */
const PLAN: DataPlan = { images: 40, epochs: 100, batch: 4, shardSize: 2 };

/** A state whose numbers all differ, and differ from those of other steps; its powers have no short decimals. */
function stateAt(step: number): TrainingState {
  let next = step;
  const numbers = (size: number) => Float32Array.from({ length: size }, () => Math.fround((next += 1 / 64)));
  const adam = (size: number, power: number) => ({
    moments: { m: numbers(size), v: numbers(size) },
    scalars: { beta1Power: 0.9 ** (step + power), beta2Power: 0.999 ** (step + power) },
  });
  return {
    step,
    weights: numbers(11),
    movingStatistics: numbers(4),
    optimizers: { generator: adam(8, 0.1), discriminator: adam(3, 0.2) },
  };
}

/** All vectors of a state. */
function vectorsOf({ weights, movingStatistics, optimizers }: TrainingState) {
  const moments = [optimizers.generator, optimizers.discriminator].flatMap((each) => Object.values(each.moments));
  return [weights, movingStatistics, ...moments];
}

/** The bits of all numbers of a state. */
function bitsOf(state: TrainingState): string[] {
  return vectorsOf(state).map((flat) => Buffer.from(flat.buffer).toString('base64'));
}

function slice(flat: Float32Array, from: number, to: number): number[] {
  return [...flat.subarray(from, to)];
}

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
});
afterEach(() => rm(run, { recursive: true }));

const openStore = () => CheckpointStore.open(run, SMALL);
const directoryOf = (step: number) => join(run, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
const savedNames = async () => (await readdir(join(run, 'checkpoints'))).toSorted();
const namesOf = (...steps: number[]) => steps.map((step) => `step-${String(step).padStart(8, '0')}`);

async function saveAll(...steps: number[]): Promise<CheckpointStore> {
  const store = await openStore();
  for (const step of steps) await store.save(stateAt(step), PLAN);
  return store;
}

describe('saving and restoring', () => {
  test('gives back every bit', async () => {
    await saveAll(7);
    expect(await (await openStore()).restore()).toEqual({ state: stateAt(7), skipped: [] });
  });

  test('of the whole model gives back every bit, in the stated files', async () => {
    const manifest = modelManifest();
    const state = initialState(manifest, 3);
    state.optimizers.generator.moments['m']?.fill(0.1);
    state.optimizers.discriminator.moments['v']?.fill(0.2);
    await (await CheckpointStore.open(run, manifest)).save(state, PLAN);
    expect((await readdir(directoryOf(0))).toSorted()).toEqual([
      'discriminator.safetensors',
      'generator.safetensors',
      'optimizer.safetensors',
      'state.json',
    ]);
    const restored = await (await CheckpointStore.open(run, manifest)).restore();
    expect(restored?.state.step).toBe(0);
    expect(restored && bitsOf(restored.state)).toEqual(bitsOf(state));
    // 4 bytes for each number: a generator of 2,305,472 and its statistics, and both moments of all.
    const { size } = await stat(join(directoryOf(0), 'optimizer.safetensors'));
    expect(size - (2_305_472 + 212_865) * 8).toBeLessThan(8192);
  });

  test('is undefined where nothing was saved', async () => {
    expect(await (await openStore()).restore()).toBeUndefined();
  });

  test('keeps the state as it was at the call', async () => {
    const store = await openStore();
    const state = stateAt(1);
    const saved = store.save(state, PLAN);
    state.weights.fill(0);
    state.optimizers.generator.moments['m']?.fill(0);
    state.optimizers.generator.scalars['beta1Power'] = 0;
    state.step = 2;
    await saved;
    expect(await (await openStore()).restore()).toEqual({ state: stateAt(1), skipped: [] });
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
    await (await openStore()).save(state, PLAN);
    expect(await (await openStore()).restore()).toEqual({ state, skipped: [] });
  });

  test('reads what the first edition has written', async () => {
    await saveAll(7);
    const file = join(directoryOf(7), 'state.json');
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
    expect(await (await openStore()).restore()).toEqual({ state: stateAt(7), skipped: [] });
    await writeFile(file, `${JSON.stringify({ ...record, step: 8, checksum }, null, 2)}\n`);
    await expect((await openStore()).restore()).rejects.toThrow(/checksum/);
  });

  test('runs one save after another, and refuses a third', async () => {
    const store = await openStore();
    const saves = [store.save(stateAt(1), PLAN), store.save(stateAt(2), PLAN)];
    await expect(store.save(stateAt(3), PLAN)).rejects.toThrow(/two checkpoints are being saved already/);
    await Promise.all(saves);
    await store.save(stateAt(4), PLAN);
    expect(await savedNames()).toEqual(namesOf(1, 2, 4));
  });

  test('writes a step only once', async () => {
    const store = await saveAll(5);
    const before = await stat(directoryOf(5), { bigint: true });
    await store.save(stateAt(5), PLAN);
    expect((await stat(directoryOf(5), { bigint: true })).ino).toBe(before.ino);
  });

  test('keeps the newest 3 and every 15th epoch', async () => {
    await saveAll(140, 145, 149, 150, 151, 155, 160, 300, 305, 310, 315, 320);
    expect(await savedNames()).toEqual(namesOf(150, 300, 310, 315, 320));
  });

  test('removes what a killed process left half done', async () => {
    await saveAll(1);
    await cp(directoryOf(1), join(run, 'checkpoints', '.tmp-new-step-00000002'), { recursive: true });
    await openStore();
    expect(await savedNames()).toEqual(namesOf(1));
  });
});

describe('a damaged checkpoint', () => {
  test('of which any byte was changed is skipped, and the one before is restored', async () => {
    await saveAll(1, 2);
    const files = await readdir(directoryOf(2));
    const sizes = new Map<string, number>();
    for (const file of files) sizes.set(file, (await stat(join(directoryOf(2), file))).size);
    const place = fc
      .constantFrom(...files)
      .chain((file) => fc.tuple(fc.constant(file), fc.nat((sizes.get(file) ?? 0) - 1)));
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async ([file, offset], change) => {
        const path = join(directoryOf(2), file);
        const intact = await readFile(path);
        const corrupt = Buffer.from(intact);
        corrupt[offset] = (corrupt[offset] ?? 0) ^ change;
        await writeFile(path, corrupt);
        try {
          const restored = await (await openStore()).restore();
          expect(restored?.state).toEqual(stateAt(1));
          expect(restored?.skipped).toHaveLength(1);
          expect(restored?.skipped[0]).toMatch(new RegExp(`^step-00000002: ${file} `));
        } finally {
          await writeFile(path, intact);
        }
      }),
      { seed: 20_240_117, numRuns: 400 },
    );
    expect((await (await openStore()).restore())?.state.step).toBe(2);
  });

  test.each(['generator.safetensors', 'discriminator.safetensors', 'optimizer.safetensors', 'state.json'])(
    'without %s, or with an empty one, is skipped',
    async (file) => {
      await saveAll(1, 2);
      await writeFile(join(directoryOf(2), file), '');
      expect((await (await openStore()).restore())?.state).toEqual(stateAt(1));
      await rm(join(directoryOf(2), file));
      expect((await (await openStore()).restore())?.skipped).toEqual([`step-00000002: ${file} is missing`]);
    },
  );

  test('is replaced when its step is reached again', async () => {
    await saveAll(1, 2, 3);
    for (const step of [2, 3]) await rm(join(directoryOf(step), 'state.json'));
    const store = await openStore();
    expect((await store.restore())?.state.step).toBe(1);
    await store.save(stateAt(2), PLAN);
    expect(await savedNames()).toEqual(namesOf(1, 2));
    expect(await (await openStore()).restore()).toEqual({ state: stateAt(2), skipped: [] });
  });

  test('does not pass for that of another step', async () => {
    await saveAll(1, 2);
    await rename(directoryOf(2), directoryOf(3));
    expect((await (await openStore()).restore())?.skipped).toEqual(['step-00000003: state.json is that of step 2']);
  });

  test('is an error where none is valid, and stays where it is', async () => {
    await saveAll(1, 2);
    for (const step of [1, 2]) await rm(join(directoryOf(step), 'generator.safetensors'));
    const error = await (await openStore()).restore().catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/step-00000002: generator.*; step-00000001: generator\.safetensors is missing$/),
    });
    expect(await savedNames()).toEqual(namesOf(1, 2));
  });

  test('of another model is refused by name and shape', async () => {
    await saveAll(1);
    const trainable = SMALL.trainable.map((parameter, i) => (i === 0 ? { ...parameter, shape: [2, 3] } : parameter));
    const store = await CheckpointStore.open(run, { ...SMALL, trainable });
    await expect(store.restore()).rejects.toThrow(/generator\/dense\/kernel has shape \[3,2\], not \[2,3\]/);
  });

  test('of a later format is refused by its number', async () => {
    await saveAll(1);
    const file = join(directoryOf(1), 'state.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"format": 2', '"format": 3'));
    await expect((await openStore()).restore()).rejects.toThrow(/format 3; this version of Gantry reads 1 to 2/);
  });
});

describe('readGenerator', () => {
  test('reads the newest valid one of a run, or a certain one', async () => {
    await saveAll(1, 2, 3);
    await rm(join(directoryOf(3), 'generator.safetensors'));
    const expected = (step: number) => {
      const { weights, movingStatistics } = stateAt(step);
      return { step, movingStatistics, weights: weights.fill(0, SMALL.discriminatorOffset) };
    };
    expect(await readGenerator(run, SMALL)).toEqual(expected(2));
    expect(await readGenerator(directoryOf(1), SMALL)).toEqual(expected(1));
    await cp(directoryOf(1), join(run, 'best'), { recursive: true });
    expect(await readGenerator(join(run, 'best'), SMALL)).toEqual(expected(1));
  });

  test.each([
    ['no such directory', 'nowhere', /nowhere is neither a checkpoint nor a run with one/],
    ['an empty run', '.', /is neither a checkpoint nor a run with one/],
    ['a damaged checkpoint', 'damaged', /damaged is not valid: state\.json is damaged/],
  ])('refuses %s', async (_, path, message) => {
    await mkdir(join(run, 'damaged'));
    await writeFile(join(run, 'damaged', 'state.json'), '{');
    await expect(readGenerator(join(run, path), SMALL)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(message),
    });
  });
});

test('weightsDigest is the sha256 of weights and moving statistics in little-endian bytes', () => {
  const state = { ...stateAt(0), weights: Float32Array.of(1, -2), movingStatistics: Float32Array.of(0.5) };
  // printf '\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f' | sha256sum
  expect(weightsDigest(state)).toBe('2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422');
});

describe('killed while saving', () => {
  /** Saves steps without end, telling which are saved; a dot for each turn of its event loop, some 400 to a step. */
  const PROGRAM = `
    const [module, run, first, manifest, plan] = process.argv.slice(1);
    const { CheckpointStore } = await import(module);
    const store = await CheckpointStore.open(run, JSON.parse(manifest));
    const tick = () => { process.stdout.write('.\\n'); setImmediate(tick); };
    tick();
    for (let step = Number(first); ; step++) {
      const flat = (size) => new Float32Array(size).fill(step);
      const scalars = { beta1Power: 1 / step, beta2Power: 1 / step };
      const adam = (size) => ({ moments: { m: flat(size), v: flat(size) }, scalars });
      await store.save(
        {
          step,
          weights: flat(11),
          movingStatistics: flat(4),
          optimizers: { generator: adam(8), discriminator: adam(3) },
        },
        JSON.parse(plan),
      );
      process.stdout.write('saved ' + step + '\\n');
    }`;

  /**
   * Lets a process save from step `first` on, and kills it once it has told `saves` of them and as many `dots` since.
   * @returns the last step it told
   */
  async function killed(first: number, saves: number, dots: number): Promise<number> {
    const module = new URL('../../dist/storage/checkpoint-store.js', import.meta.url).href;
    const inputs = [module, run, String(first), JSON.stringify(SMALL), JSON.stringify(PLAN)];
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, ...inputs], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let told = first - 1;
    let dotsSince = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === '.') dotsSince += told - first + 1 >= saves ? 1 : 0;
      else told = Number(/^saved (\d+)$/.exec(line)?.[1]);
      if (dotsSince > dots) child.kill('SIGKILL');
    }
    expect(await exited).toEqual([null, 'SIGKILL']);
    return told;
  }

  test('at any moment, all that was told to be saved is there', async () => {
    let done = 0;
    const random = new Uint32Array(4);
    for (let life = 0; life < 24; life++) {
      philox4x32(random, life, 0, 0, 0, 2024, 0);
      const [a = 0, b = 0] = random;
      const told = await killed(done + 1, a % 4, b % 800);
      const store = await openStore();
      expect((await savedNames()).every((name) => name.startsWith('step-'))).toBe(true);
      const restored = await store.restore();
      if (!restored) {
        expect(told).toBe(0);
        continue;
      }
      const { state, skipped } = restored;
      expect(skipped).toEqual([]);
      expect(state.step).toBeGreaterThanOrEqual(told);
      const vectors = vectorsOf(state);
      expect(vectors).toHaveLength(6);
      for (const flat of vectors) expect(new Set(flat)).toEqual(new Set([state.step]));
      const { generator: g, discriminator: d } = state.optimizers;
      const powers = { beta1Power: 1 / state.step, beta2Power: 1 / state.step };
      expect([g.scalars, d.scalars]).toEqual([powers, powers]);
      done = state.step;
    }
    expect(done).toBeGreaterThan(20);
  });
});

describe("Python's safetensors", () => {
  const isInstalled = spawnSync('python3', ['-c', 'import safetensors']).status === 0;

  test.skipIf(!isInstalled)(`reads what was written${isInstalled ? '' : ' (skipped: not installed)'}`, async () => {
    await saveAll(1);
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
      join(directoryOf(1), `${name}.safetensors`),
    );
    const { stdout, stderr, status } = spawnSync('python3', ['-c', program, ...files], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const state = stateAt(1);
    const [g, d] = [state.optimizers.generator, state.optimizers.discriminator].map(({ moments }) => moments);
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

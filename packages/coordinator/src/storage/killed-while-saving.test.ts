import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { philox4x32 } from '@gantry/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PLAN, SMALL, SmallRun, vectorsOf } from '../testing/checkpoints.ts';

let run: string;
let small: SmallRun;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
  small = new SmallRun(run);
});
afterEach(() => rm(run, { recursive: true }));

const savedNames = async () => (await readdir(join(run, 'checkpoints'))).toSorted();

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
      const store = await small.open();
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
      const powers = { beta1Power: 1 / state.step, beta2Power: 1 / state.step };
      expect(Object.values(state.optimizers).map(({ scalars }) => scalars)).toEqual([powers, powers]);
      done = state.step;
    }
    expect(done).toBeGreaterThan(20);
  });
});

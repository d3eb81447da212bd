import { SumThread } from '@gantry/coordinator/sum-thread';
import { ReductionTree, encodeVector, type EncodedVector } from '@gantry/core';
import { afterEach, expect, it, vi } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';
import type { RoundSums } from './sum-thread.ts';

const neverFails = (error: Error) => {
  throw error;
};
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

let thread: SumThread | undefined;
afterEach(() => thread?.dispose());

/** A leaf behind the head of its frame. @param pool memory that holds others, too */
function leafOf(index: number, length: number, pool?: ArrayBuffer): EncodedVector {
  const numbers = Float32Array.from({ length }, (_, i) => Math.sin(i + 31 * index));
  const compact = length - 3;
  const encoded = encodeVector('int8', numbers, compact, 'nearest');
  const head = 64 * (1 + index);
  const bytes = new Uint8Array(pool ?? new ArrayBuffer(head + encoded.length), head, encoded.length);
  bytes.set(encoded);
  return { bytes, length, compact };
}

it.each([
  ['small', 20],
  ['large', 2 ** 20],
])('a thread comes to the bits of the tree, round after round, for %s leaves', async (_, length) => {
  thread = new SumThread();
  const free: Float32Array[] = [];
  for (const count of [5, 9]) {
    const sums = thread.begin(count, free, neverFails);
    const tree = new ReductionTree(count);
    for (let index = count - 1; index >= 0; index--) {
      const leaf = leafOf(index, length);
      tree.addEncoded(index, leaf);
      sums.addEncoded(index, leaf);
    }
    const root = await sums.root();
    expect(bytesOf(root).equals(bytesOf(tree.root()))).toBe(true);
    free.push(root);
  }
});

it('takes sums as well, and leaves alone what shares its memory with others', async () => {
  thread = new SumThread();
  const pool = new ArrayBuffer(8192);
  const leaves = [0, 1, 2].map((index) => leafOf(index, 20, index === 1 ? undefined : pool));
  const [sums, tree] = [thread.begin(4, [], neverFails), new ReductionTree(4)];
  const sum = new Float32Array(20).fill(0.1);
  for (const each of [sums, tree]) {
    each.add({ level: 0, index: 3 }, sum);
    leaves.forEach((leaf, index) => each.addEncoded(index, leaf));
  }
  expect(bytesOf(await sums.root()).equals(bytesOf(tree.root()))).toBe(true);
  expect([pool.byteLength, sum[0]]).toEqual([8192, Math.fround(0.1)]);
});

it('says so where the thread ends, at once and to whoever comes later', async () => {
  const ended = expect.objectContaining({ code: 'E_ENGINE' }) as Error;
  const idle = new SumThread();
  const failed = new Promise((resolve) => idle.begin(2, [], resolve));
  await idle.dispose();
  expect(await failed).toEqual(ended);
  expect(() => idle.begin(2, [], neverFails)).toThrow(ended);

  const awaited = new SumThread();
  const root = awaited.begin(2, [], neverFails).root();
  await Promise.all([expect(root).rejects.toEqual(ended), awaited.dispose()]);
});

it('a round whose last contribution is there is done, whoever leaves or stops until its sum is there', async () => {
  vi.useFakeTimers();
  let arrive: (root: Float32Array) => void = () => undefined;
  const late: RoundSums = {
    add: () => undefined,
    addEncoded: () => undefined,
    root: () => new Promise((resolve) => (arrive = resolve)),
  };
  const run = new ScheduledRun({ sums: { begin: () => late, dispose: () => Promise.resolve() } });
  const stop = new AbortController();
  const worker = run.join('worker');
  const result = run.round(1, 1, stop.signal);
  run.answer(worker, 0, 1);
  stop.abort();
  run.scheduler.leave(worker, 'it has done its part');
  // The scheduler looks again and again whether somebody is there.
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  arrive(new Float32Array([7]));
  expect((await result).root).toEqual(new Float32Array([7]));
});

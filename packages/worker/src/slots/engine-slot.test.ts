import type { LoadedUnit } from '@gantry/core';
import { expect, it } from 'vitest';
import type { EngineHost } from './engine-host.ts';
import { EngineSlot } from './engine-slot.ts';

it('hands over the data of the first batch alone to be prepared: all of a unit is copied to its thread', () => {
  const prepared: LoadedUnit[] = [];
  const host = { prepare: (unit: LoadedUnit) => Promise.resolve(void prepared.push(unit)) };
  const nothing = () => undefined;
  const slot = new EngineSlot(() => host as unknown as EngineHost, { free: nothing, notice: nothing });
  const batches = [3, 2, 2].map((samples, step) => ({ step, iteration: 0, first: 0, samples }));
  // As it comes, in the middle of a frame.
  const frame = Uint8Array.from({ length: 100 }, (_, i) => i);
  const unit = { round: 4, index: 1, batches, data: frame.subarray(10, 10 + 7 * 5) };
  slot.prepare(unit);
  expect(prepared).toEqual([{ round: 4, index: 1, batches: batches.slice(0, 1), data: frame.slice(10, 10 + 3 * 5) }]);
  expect(prepared[0]?.data.buffer.byteLength).toBe(3 * 5);
});

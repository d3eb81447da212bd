import { describe, expect, test } from 'vitest';
import { lateness } from './assignment.ts';
import { UnitState } from './unit-state.ts';
import { RecentPace, RegisteredWorker } from './worker-registry.ts';
import type { WorkerLink } from './worker-link.ts';

const SAMPLES = 16;

/** A link to nobody. */
function link(name: string): WorkerLink {
  const nothing = () => undefined;
  return {
    name,
    identity: name,
    isTrusted: true,
    numericClass: 'a',
    slots: 1,
    place: { address: '', engine: '', device: '' },
    traffic: () => {
      return { bytesIn: 0, bytesOut: 0, imageBytes: 0, outRate: null, inRate: null, roundTripMs: null, lastSeenMs: 0 };
    },
    setWeights: nothing,
    isBehind: () => false,
    isWaiting: () => false,
    assign: nothing,
    cancel: nothing,
    refuse: nothing,
    drop: nothing,
    dismiss: nothing,
    restart: nothing,
  };
}

function shard(): UnitState {
  return new UnitState({
    round: 0,
    index: 0,
    batches: [{ step: 0, iteration: 0, first: 0, samples: SAMPLES }],
    samples: new Uint32Array(SAMPLES),
  });
}

describe('a worker that seemed slow', () => {
  test('is believed to be as fast as the others in the end, and is measured again', () => {
    const entry = new RegisteredWorker(link('supposed to be slow'), 100);
    entry.beginRound(5);
    for (let round = 0; round < 200; round++) entry.beginRound(5);
    expect(entry.msPerSample).toBeLessThan(6);
    entry.measured(SAMPLES, 100 * SAMPLES);
    expect(entry.msPerSample).toBeGreaterThan(30);
    const measured = entry.msPerSample;
    entry.beginRound(5);
    expect(entry.msPerSample).toBe(measured);
  });

  test('is never believed to be faster than the others, nor a fast one slower', () => {
    const entry = new RegisteredWorker(link('fast'), 2);
    for (let round = 0; round < 200; round++) entry.beginRound(5);
    expect(entry.msPerSample).toBe(2);
  });
});

test('nobody is late where answers take long for everyone', () => {
  const pace = new RecentPace();
  for (let i = 0; i < 8; i++) pace.record(1000 / SAMPLES);
  const entry = new RegisteredWorker(link('one of them'), 1);
  const held = shard();
  entry.give(held, false);
  entry.noteStarts(0, 0);
  expect(entry.timeOn(held, 1500)).toBe(1500);
  const [holding] = entry.heldOf(0);
  if (!holding) throw new Error('it holds nothing');
  expect(lateness(entry, holding, pace.medianMsPerSample, 1500)).toBeUndefined();
  expect(lateness(entry, holding, pace.medianMsPerSample, 3500)).toBeDefined();
});

test('nobody is late as long as its weights wait for their turn, and it keeps what it will begin with', () => {
  let isWaiting = true;
  const entry = new RegisteredWorker({ ...link('last in turn'), isWaiting: () => isWaiting }, 1);
  const [held, next] = [shard(), shard()];
  for (const each of [held, next]) entry.give(each, false);
  entry.noteStarts(0, 0);
  expect([entry.timeOn(held, 1e6), entry.lastUnbegun(0)]).toEqual([0, next]);
  entry.take(next);
  expect(entry.lastUnbegun(0)).toBeUndefined();
  isWaiting = false;
  entry.noteStarts(0, 5000);
  expect([entry.timeOn(held, 6000), entry.lastUnbegun(0)]).toEqual([1000, undefined]);
});

describe('a unit of many batches', () => {
  const [BATCHES, MS] = [20, 10];
  /** 160 ms for a batch, 3.2 s for the unit. */
  const USUAL = MS;

  function unit(index = 0): UnitState {
    const batches = Array.from({ length: BATCHES }, (_, step) => ({ step, iteration: 0, first: 0, samples: SAMPLES }));
    return new UnitState({ round: 0, index, batches, samples: new Uint32Array(BATCHES * SAMPLES) });
  }

  function begun(slots = 1, units = 1) {
    const entry = new RegisteredWorker({ ...link('one'), slots }, MS);
    for (let i = 0; i < units; i++) entry.give(unit(i), false);
    entry.noteStarts(0, 0);
    const isLate = (at: number, index = 0) => {
      const held = entry.heldOf(0)[index];
      return held !== undefined && lateness(entry, held, USUAL, at) !== undefined;
    };
    return { entry, isLate };
  }

  test('is late where nothing is heard of the next batch', () => {
    const { entry, isLate } = begun();
    entry.progressed(0, 0, 3, 600);
    expect(isLate(2500)).toBe(false);
    expect(isLate(2700)).toBe(true);
  });

  test('is not late while its answer is on its way, for three times as long as it takes to compute', () => {
    const { entry, isLate } = begun();
    for (let batches = 1; batches <= BATCHES; batches++) entry.progressed(0, 0, batches, batches * 160);
    expect(isLate(3200 + 9000)).toBe(false);
    expect(isLate(3200 + 9700)).toBe(true);
  });

  test('is not late because the answer to another one holds up what its worker says', () => {
    const { entry, isLate } = begun(2, 2);
    entry.progressed(0, 1, 5, 800);
    entry.progressed(0, 0, BATCHES, 900);
    expect(isLate(800 + 9000, 1)).toBe(false);
    expect(isLate(800 + 9700, 1)).toBe(true);
  });

  test('makes room for the next one once it is computed, though its answer is on its way', () => {
    const { entry } = begun(1, 2);
    const startedMs = () => entry.heldOf(0).map((held) => held.startedMs);
    expect(startedMs()).toEqual([0, undefined]);
    entry.progressed(0, 0, BATCHES, 3200);
    entry.noteStarts(0, 3200);
    expect(startedMs()).toEqual([0, 3200]);
    expect(entry.expectedMs(0)).toBe(BATCHES * SAMPLES * entry.msPerSample);
    // Where it keeps the contribution for a sum, it says so after that.
    const computed = { computeMs: 3200, waitMs: 0, atMs: 3200 };
    expect(entry.computed(0, 0, computed)).toBeDefined();
    expect(entry.heldOf(0)[0]?.computed).toBe(computed);
  });

  test('is late in the end, however often its worker says that it goes on', () => {
    const { entry, isLate } = begun();
    let at = 0;
    for (let batches = 1; batches < BATCHES; batches++) {
      at = batches * 1900;
      entry.progressed(0, 0, batches, at);
      expect(isLate(at)).toBe(at > 6 * BATCHES * SAMPLES * USUAL);
    }
    expect(at).toBeGreaterThan(6 * BATCHES * SAMPLES * USUAL);
  });

  test('is said to go on as often as it has batches, for each time that it was given', () => {
    const { entry } = begun();
    const reports = () => Array.from({ length: BATCHES + 1 }, () => entry.reported(0, 0));
    expect(reports()).toEqual([...Array<boolean>(BATCHES).fill(true), false]);
    entry.try(unit());
    expect(reports()).toEqual([...Array<boolean>(BATCHES).fill(true), false]);
    expect(entry.reported(0, 1)).toBe(false);
  });
});

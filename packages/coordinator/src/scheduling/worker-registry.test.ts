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

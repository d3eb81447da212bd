import { expect, it } from 'vitest';
import { coordinatorKillsOf, planFaults } from './faults.ts';

const WORKERS = 4;
const LINKS = 2;
const TWO_MINUTES_MS = 120_000;
const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

const plan = (seed: number, durationMs = TWO_MINUTES_MS) => planFaults(seed, durationMs, WORKERS, LINKS);

it('plans thirty faults and three kills of the coordinator for two minutes, whatever the seed', () => {
  for (const seed of SEEDS) {
    const faults = plan(seed);
    expect(faults.length).toBeGreaterThanOrEqual(30);
    expect(faults.reduce((sum, { fault }) => sum + coordinatorKillsOf(fault.kind), 0)).toBeGreaterThanOrEqual(3);
  }
});

it('plans every kind of fault, and several at once', () => {
  const kinds = new Set(plan(1).map(({ fault }) => fault.kind));
  for (const seed of SEEDS) expect(new Set(plan(seed).map(({ fault }) => fault.kind))).toEqual(kinds);
  expect(kinds.size).toBe(18);
  const times = plan(1).map(({ atMs }) => atMs);
  expect(new Set(times).size).toBeLessThan(times.length);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

it('plans the same for the same seed, and begins alike for any duration', () => {
  const faults = plan(1);
  expect(plan(1)).toEqual(faults);
  expect(plan(2)).not.toEqual(faults);
  expect(plan(1, TWO_MINUTES_MS / 2)).toEqual(faults.filter(({ atMs }) => atMs < TWO_MINUTES_MS / 2));
});

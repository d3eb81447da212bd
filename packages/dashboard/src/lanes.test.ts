import type { WatchedStep } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { describeLanes, lanesOf } from './lanes.ts';

/** @param times ms that each worker takes for a shard of 10 images */
function step(times: Readonly<Record<string, number>>): WatchedStep {
  const shards = Object.entries(times).map(([worker, ms], shard) => ({
    shard,
    worker,
    samples: 10,
    beginMs: 5,
    endMs: 5 + ms,
    requeued: false,
    duplicated: false,
  }));
  return { step: 1, totalMs: Math.max(...Object.values(times)) + 10, shards };
}

describe('the lanes of the last steps', () => {
  it('are in the order of the names, numbers as numbers', () => {
    expect(lanesOf([step({ w10: 1, w9: 1 }), step({ w2: 1 })]).map(({ worker }) => worker)).toEqual([
      'w2',
      'w9',
      'w10',
    ]);
  });

  it('name a straggler', () => {
    const lanes = lanesOf([step({ ada: 100, bob: 110, cy: 300 }), step({ ada: 100, cy: 260 })]);
    expect(lanes.map(({ worker, isSlow }) => [worker, isSlow])).toEqual([
      ['cy', true],
      ['ada', false],
      ['bob', false],
    ]);
    expect(describeLanes(lanes)).toBe('Slow: cy takes 28 ms an image, 2.5 times the median.');
    expect(describeLanes(lanesOf([step({ ada: 100, bob: 300 })]))).toMatch(/^Slow: bob takes 30 ms/);
  });

  it('name none where all are alike', () => {
    expect(describeLanes(lanesOf([step({ ada: 100, bob: 110 })]))).toBe('No straggler: 10 to 11 ms an image.');
    expect(describeLanes(lanesOf([step({ ada: 100 })]))).toBe('10 ms an image.');
    expect(describeLanes([])).toBe('No step yet.');
    expect(describeLanes([], 'round')).toBe('No round yet.');
  });
});

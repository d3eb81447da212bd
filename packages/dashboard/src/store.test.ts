import type { EpochEvaluation, RecordedEvent, WatchSnapshot, WatchUpdate } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { applied, type RunView } from './store.ts';

const event = (step: number): RecordedEvent => ({ time: '2026-01-01T00:00:00Z', step, type: 'checkpoint' });
const evaluation = (epoch: number): EpochEvaluation => ({ step: 4 * epoch, epoch, features: 'patches', samples: 2000 });
const empty = {
  run: {},
  workers: [],
  stalls: [],
  concerns: [],
  metrics: [],
  events: [],
  timeline: [],
  samples: [],
  evaluations: [],
};
const snapshot = (parts: Partial<WatchSnapshot>) => ({ ...empty, ...parts, type: 'snapshot' }) as WatchSnapshot;
const update = (parts: Partial<WatchUpdate>) => ({ ...empty, ...parts, type: 'update' }) as WatchUpdate;

describe('what is known of a run', () => {
  it('begins with a snapshot, and a later one replaces all', () => {
    expect(applied(undefined, update({ samples: [1] }))).toBeUndefined();
    const first = applied(undefined, snapshot({ samples: [0, 1], events: [event(1)] }));
    expect(first?.samples).toEqual([0, 1]);
    expect(applied(first, snapshot({ samples: [0] }))).toMatchObject({ samples: [0], events: [] });
  });

  it('grows by updates, and lists that have nothing new stay the same objects', () => {
    const first = applied(undefined, snapshot({ samples: [0], events: [event(1)] })) as RunView;
    const second = applied(first, update({ samples: [1] })) as RunView;
    expect(second.samples).toEqual([0, 1]);
    expect(second.events).toBe(first.events);
    expect(second.metrics).toBe(first.metrics);
  });

  it('has all evaluations, and those concerns that are at the moment', () => {
    const concern = { cause: 'too hot', remedy: 'open a window' };
    const first = applied(undefined, snapshot({ evaluations: [evaluation(1)], concerns: [concern] })) as RunView;
    const second = applied(first, update({ evaluations: [evaluation(2)], concerns: [concern] })) as RunView;
    expect(second.evaluations.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(second.concerns).toEqual([concern]);
    const third = applied(second, update({})) as RunView;
    expect(third.evaluations).toBe(second.evaluations);
    expect(third.concerns).toEqual([]);
    // The run went back.
    expect(applied(third, snapshot({ evaluations: [evaluation(1)] }))?.evaluations).toEqual([evaluation(1)]);
  });

  it('keeps the newest 500 events', () => {
    let view = applied(undefined, snapshot({}));
    for (let step = 1; step <= 600; step++) view = applied(view, update({ events: [event(step)] }));
    expect(view?.events.map(({ step }) => step)).toEqual(Array.from({ length: 500 }, (_, i) => i + 101));
  });
});

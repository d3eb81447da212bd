import { expect, it } from 'vitest';
import { describeEvent, kindOf } from './event-words.ts';

const event = (type: string, details: Readonly<Record<string, unknown>> = {}) => ({
  time: '2026-01-01T00:00:00Z',
  step: 7,
  type,
  ...details,
});

it('tells events in words', () => {
  const cause = 'the connection was closed';
  const events = [
    event('resumed', { skipped: [] }),
    event('resumed', { skipped: ['step-00000009: state.json is damaged'] }),
    event('joined', {
      worker: 'ada',
      engine: 'onnx',
      device: 'cpu',
      class: '0123456789abcdef0123456789abcdef',
      slots: 1,
    }),
    event('left', { worker: 'ada', cause }),
    event('requeued', { shard: 0, of: 8, worker: 'ada', cause }),
    event('stall', { shard: 0, worker: 'ada', cause: 'no answer for 9 s', remedy: 'wait' }),
    event('stall', { cause: 'no worker for 9 s', remedy: 'attach one' }),
    event('compared', { shard: 2, workers: ['ada', 'bob'], equal: true }),
    event('paused', { cause: 'by someone' }),
  ];
  expect(events.map(describeEvent)).toEqual([
    'the run was resumed after step 7',
    'the run was resumed after step 7; skipped: step-00000009: state.json is damaged',
    'ada joined: onnx on cpu (class 01234567)',
    'ada left: the connection was closed',
    'shard 0 goes from ada to another worker: the connection was closed',
    'stalled on ada, shard 0: no answer for 9 s; wait',
    'stalled: no worker for 9 s; attach one',
    'two answers to shard 2 (ada and bob) have the same bits',
    'the run paused: by someone',
  ]);
});

it('tells all of what it does not know', () => {
  const unknown = event('moved', { from: 'a', to: ['b', 'c'], fast: false });
  expect(describeEvent(unknown)).toBe('moved, from a, to b and c, fast false');
  expect(kindOf(unknown)).toBe('run');
});

import type { WatchedEvent, WatchedWorker } from '@gantry/core';
import { expect, it } from 'vitest';
import { classesOf } from './classes.ts';

const worker = (name: string, numericClass: string, rest: Partial<WatchedWorker> = {}) =>
  ({ name, numericClass, engine: 'onnx', device: 'cpu', state: 'idle', shards: 0, ...rest }) as WatchedWorker;
const joined = (name: string, numericClass: string): WatchedEvent => ({
  time: '2026-01-01T00:00:00Z',
  step: 1,
  type: 'joined',
  worker: name,
  class: numericClass,
});

it('tells who rounds alike', () => {
  const workers = [worker('ada', 'a1'), worker('bob', 'b2', { device: 'cuda:0' }), worker('cy', 'a1')];
  expect(classesOf(workers, [joined('ada', 'a1')])).toEqual([
    { id: 'a1', engines: ['onnx on cpu'], workers: ['ada', 'cy'] },
    { id: 'b2', engines: ['onnx on cuda:0'], workers: ['bob'] },
  ]);
});

it('counts those who left only if their work is in the weights', () => {
  const gone = { state: 'left' } as const;
  const workers = [worker('ada', 'a1'), worker('bob', 'b2', gone), worker('cy', 'c3', { ...gone, shards: 1 })];
  expect(classesOf(workers, [joined('bob', 'b2')]).map(({ id }) => id)).toEqual(['a1', 'c3']);
});

it('remembers those who joined earlier', () => {
  expect(classesOf([worker('ada', 'a1')], [joined('ada', 'b2'), joined('bob', 'b2'), joined('bob', 'b2')])).toEqual([
    { id: 'a1', engines: ['onnx on cpu'], workers: ['ada'] },
    { id: 'b2', engines: [], workers: ['ada', 'bob'] },
  ]);
});

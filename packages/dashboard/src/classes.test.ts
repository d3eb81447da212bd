import type { RecordedEvent, WatchedWorker } from '@gantry/core';
import { expect, it } from 'vitest';
import { classesOf } from './classes.ts';

const worker = (name: string, numericClass: string, rest: Partial<WatchedWorker> = {}) =>
  ({ name, numericClass, engine: 'onnx', device: 'cpu', state: 'idle', ...rest }) as WatchedWorker;
const joined = (name: string, numericClass: string): RecordedEvent => ({
  time: '2026-01-01T00:00:00Z',
  step: 1,
  type: 'joined',
  worker: name,
  engine: 'onnx',
  device: 'cpu',
  class: numericClass,
  slots: 1,
});

it('tells who rounds alike', () => {
  const workers = [worker('w10', 'a1'), worker('bob', 'b2', { device: 'cuda:0' }), worker('w9', 'a1')];
  expect(classesOf(['a1'], workers, [joined('w9', 'a1')])).toEqual([
    { id: 'a1', engines: ['onnx on cpu'], workers: ['w9', 'w10'] },
    { id: 'b2', engines: ['onnx on cuda:0'], workers: ['bob'] },
  ]);
});

it('does not count those who left without having computed anything', () => {
  const workers = [worker('ada', 'a1'), worker('bob', 'b2', { state: 'left' })];
  expect(classesOf(['a1'], workers, [joined('bob', 'b2')]).map(({ id }) => id)).toEqual(['a1']);
});

it('remembers those whose work may be in the weights, and their names as long as they are known', () => {
  const events = [joined('ada', 'b2'), joined('bob', 'b2'), joined('bob', 'b2')];
  expect(classesOf(['b2', 'c3'], [worker('ada', 'a1')], events)).toEqual([
    { id: 'b2', engines: [], workers: ['ada', 'bob'] },
    { id: 'c3', engines: [], workers: [] },
    { id: 'a1', engines: ['onnx on cpu'], workers: ['ada'] },
  ]);
});

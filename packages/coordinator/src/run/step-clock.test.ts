import { expect, test, vi, beforeEach, afterEach } from 'vitest';
import { StepClock } from './step-clock.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTime(ms);

test('a step takes what has passed since the one before, apart from pauses', () => {
  const clock = new StepClock();
  pass(30);
  expect(clock.step()).toEqual({ applyMs: 0, totalMs: 30 });
  pass(1000);
  clock.waited(1000);
  pass(20);
  expect(clock.step()).toEqual({ applyMs: 0, totalMs: 20 });
  expect(clock.step()).toEqual({ applyMs: 0, totalMs: 0 });
});

test('applying is added up over the rounds of a step, and begins anew with each', () => {
  const clock = new StepClock();
  pass(50);
  clock.applied(2);
  clock.applied(3);
  expect(clock.step()).toEqual({ applyMs: 5, totalMs: 50 });
  clock.applied(4);
  expect(clock.step()).toEqual({ applyMs: 4, totalMs: 0 });
});

test('an epoch takes what its steps take, and what lies between them, apart from pauses', () => {
  const clock = new StepClock();
  pass(30);
  clock.step();
  pass(5);
  expect(clock.epoch()).toBe(35);
  pass(500);
  clock.waited(500);
  pass(40);
  clock.step();
  expect(clock.epoch()).toBe(40);
  expect(clock.epoch()).toBe(0);
});

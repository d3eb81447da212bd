import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import { newestAdvice } from './advice.ts';

const time = '2026-01-01T00:00:00Z';
const advice = (step: number, cause: string): RecordedEvent => ({ time, step, type: 'advice', cause });

it('is the newest one, whatever happened since', () => {
  expect(newestAdvice([])).toBeUndefined();
  const events = [advice(5, 'buy a horse'), advice(9, 'sell it'), { time, step: 12, type: 'checkpoint' }];
  expect(newestAdvice(events)).toEqual({ step: 9, text: 'sell it' });
});

it('is none where its words are missing', () => {
  expect(newestAdvice([{ time, step: 5, type: 'advice' }])).toBeUndefined();
});

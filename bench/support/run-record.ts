import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { lineCount, readJsonLines } from '../../test/support/run-files.ts';

/** The record of a run as far as it has been written. */
export function eventsOf(run: string): RecordedEvent[] {
  return readJsonLines(run, 'events.jsonl');
}

/** What a worker has done. */
export function workOf(run: string, worker: string): WorkLine[] {
  return readJsonLines<WorkLine>(run, 'work.jsonl').filter((line) => line.worker === worker);
}

/** Steps recorded. */
export function stepsOf(run: string): number {
  return lineCount(run, 'metrics.jsonl');
}

/** When an event was recorded, in milliseconds since 1970. */
export function timeOf({ time }: RecordedEvent): number {
  return Date.parse(time);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventLine, WorkLine } from '@gantry/coordinator';

function completeLines(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text.split('\n').slice(0, -1);
}

/** The record of a run as far as it has been written. */
export function eventsOf(run: string): EventLine[] {
  return completeLines(join(run, 'events.jsonl')).map((line) => JSON.parse(line) as EventLine);
}

/** What a worker has done. */
export function workOf(run: string, worker: string): WorkLine[] {
  const lines = completeLines(join(run, 'work.jsonl')).map((line) => JSON.parse(line) as WorkLine);
  return lines.filter((line) => line.worker === worker);
}

/** Steps recorded. */
export function stepsOf(run: string): number {
  return completeLines(join(run, 'metrics.jsonl')).length;
}

/** When an event was recorded, in milliseconds since 1970. */
export function timeOf({ time }: EventLine): number {
  return Date.parse(time);
}

import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { GantryError, stepFilter } from '@gantry/core';
import type { MetricsLine } from './run-lines.ts';
import { openedLine } from './sealed-line.ts';

/** A line of metrics.jsonl is far shorter. */
const WINDOW_BYTES = 4096;

/** Steps `from` to `to`, both included; at most so many points. */
export interface HistoryRange {
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/**
 * Reads a part of metrics.jsonl, downsampled, the range's first and last step included. The file may grow meanwhile.
 * @param range of steps that are there
 * @throws GantryError E_RUN_DIRECTORY for a damaged line that would be among them
 */
export async function readHistory(file: string, range: HistoryRange): Promise<MetricsLine[]> {
  const { from, to, points } = range;
  const isKept = stepFilter(from, to, points);
  const handle = await open(file, 'r');
  const lines: MetricsLine[] = [];
  try {
    const input = handle.createReadStream({ start: await offsetBefore(handle, from), autoClose: false });
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      const step = stepOf(text);
      if (step === undefined || step < from) continue;
      if (step > to) break;
      if (!isKept(step)) continue;
      const line = openedLine(Buffer.from(text));
      if (line === undefined) throw new GantryError('E_RUN_DIRECTORY', `${file}: the line of step ${step} is damaged`);
      lines.push(line as MetricsLine);
    }
    input.destroy();
  } finally {
    await handle.close();
  }
  return lines;
}

/** An offset at or before the line of a step, and not far before: lines are in the order of their steps. */
async function offsetBefore(handle: FileHandle, step: number): Promise<number> {
  let low = 0;
  let high = (await handle.stat()).size;
  while (high - low > WINDOW_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const next = await stepBehind(handle, middle);
    if (next !== undefined && next < step) low = middle;
    else high = middle;
  }
  return low;
}

/** The step of the first line that begins behind an offset. */
async function stepBehind(handle: FileHandle, offset: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(WINDOW_BYTES), 0, WINDOW_BYTES, offset);
  const text = buffer.toString('latin1', 0, bytesRead);
  const newline = text.indexOf('\n');
  return newline < 0 ? undefined : stepOf(text.slice(newline + 1));
}

/** undefined where a line is not whole at its beginning */
function stepOf(line: string): number | undefined {
  const digits = /^\{"step":(\d+),/.exec(line)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

import type { FileHandle } from 'node:fs/promises';
import { openedLine } from './sealed-line.ts';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1 << 16;
const BITS = 8;

/** What every line has. */
export interface Line {
  /** Steps done when it was written; never falls from one line to the next. */
  readonly step: number;
}

/** A line as it lies in a file. */
export interface StoredLine {
  /** Counted from 1. */
  readonly number: number;
  /** The offset behind its newline. */
  readonly end: number;
  /** undefined where a byte is not as it was written, the newline included. */
  readonly value: unknown;
  /** Of a damaged line: the step that stands there, if that is not what is damaged. */
  readonly claimedStep?: number | undefined;
}

/** All lines of a file. What a killed process left of a last one is none. */
export async function* linesOf(handle: FileHandle): AsyncGenerator<StoredLine> {
  let pending = Buffer.alloc(0);
  let end = 0;
  let number = 0;
  for (let offset = 0; ;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, offset);
    if (bytesRead === 0) break;
    offset += bytesRead;
    pending = Buffer.concat([pending, chunk.subarray(0, bytesRead)]);
    for (let newline; (newline = pending.indexOf(NEWLINE)) >= 0;) {
      const bytes = pending.subarray(0, newline);
      pending = pending.subarray(newline + 1);
      end += newline + 1;
      number++;
      const value = openedLine(bytes);
      yield value === undefined ? { number, end, value, claimedStep: claimedStep(bytes) } : { number, end, value };
    }
  }
  // A part of a line is what a killed process leaves; a whole line with another byte for its newline is damaged.
  if (pending.length > 0 && openedLine(pending.subarray(0, -1)) !== undefined) {
    const claimed = claimedStep(pending);
    yield { number: number + 1, end: end + pending.length, value: undefined, claimedStep: claimed };
  }
}

/** Whether a value is a line that may follow one of a step. */
export function isLineAfter<T extends Line>(step: number, value: unknown): value is T {
  if (typeof value !== 'object' || value === null || !('step' in value)) return false;
  return typeof value.step === 'number' && Number.isSafeInteger(value.step) && value.step >= step;
}

/** The step of a damaged line; undefined where it has none that can be read, or a bit of just that has changed. */
function claimedStep(line: Buffer): number | undefined {
  const match = /"step":(?<digits>\d+)/.exec(line.toString('latin1'));
  const digits = match?.groups?.['digits'];
  if (!match || digits === undefined) return undefined;
  const first = match.index + match[0].length - digits.length;
  const changed = Buffer.from(line);
  for (let i = first * BITS; i < (first + digits.length) * BITS; i++) {
    flip(changed, i);
    if (openedLine(changed) !== undefined) return undefined;
    flip(changed, i);
  }
  return Number(digits);
}

function flip(bytes: Buffer, bit: number): void {
  const at = Math.trunc(bit / BITS);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit % BITS)), at);
}

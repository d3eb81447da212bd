import { buffersRead, type Step } from './steps.ts';
import type { Buffer } from './views.ts';

/** A cache line, and the widest vector; addon.h aligns the scratch memory to it. */
const ALIGNMENT_BYTES = 64;

const bytesOf = ({ dtype, size }: Buffer): number => {
  const bytes = size * (dtype === 'bool' ? 1 : 4);
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
};

export interface MemoryPlan {
  /** Where each buffer lies in the scratch memory, in bytes. */
  readonly offsets: ReadonlyMap<Buffer, number>;
  /** Of the scratch memory, with room to align it. */
  readonly bytes: number;
}

interface Placed {
  readonly buffer: Buffer;
  readonly bytes: number;
  readonly firstStep: number;
  lastStep: number;
  offset: number;
}

/** Gives every scratch buffer a place that no other has while it is needed; the largest buffers choose first. */
export function planMemory(steps: readonly Step[]): MemoryPlan {
  const lives = new Map<Buffer, Placed>();
  for (const [index, step] of steps.entries()) {
    for (const buffer of [step.target.buffer, ...buffersRead(step)]) {
      if (buffer.place !== 'scratch') continue;
      const life = lives.get(buffer) ?? {
        buffer,
        bytes: bytesOf(buffer),
        firstStep: index,
        lastStep: index,
        offset: 0,
      };
      life.lastStep = index;
      lives.set(buffer, life);
    }
  }
  const placed: Placed[] = [];
  for (const life of [...lives.values()].toSorted((a, b) => b.bytes - a.bytes)) {
    const overlapping = placed
      .filter(({ firstStep, lastStep }) => firstStep <= life.lastStep && life.firstStep <= lastStep)
      .toSorted((a, b) => a.offset - b.offset);
    for (const { offset, bytes } of overlapping) {
      if (life.offset + life.bytes <= offset) break;
      life.offset = Math.max(life.offset, offset + bytes);
    }
    placed.push(life);
  }
  return {
    offsets: new Map(placed.map(({ buffer, offset }) => [buffer, offset])),
    bytes: Math.max(0, ...placed.map(({ offset, bytes }) => offset + bytes)) + ALIGNMENT_BYTES,
  };
}

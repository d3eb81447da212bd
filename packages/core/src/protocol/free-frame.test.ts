import { describe, expect, it } from 'vitest';
import { freeFrame } from './free-frame.ts';

describe('freeFrame', () => {
  it('takes memory from the account of the garbage collector at once', () => {
    const frame = Buffer.allocUnsafe(50e6);
    const before = process.memoryUsage().external;
    freeFrame(frame);
    expect(frame.length).toBe(0);
    expect(before - process.memoryUsage().external).toBeGreaterThan(49e6);
  });

  it('leaves memory alone that others may use', () => {
    const pooled = Buffer.from('a small one');
    const part = new Uint8Array(100).subarray(0, 50);
    const shared = new Uint8Array(new SharedArrayBuffer(100));
    for (const frame of [pooled, part, shared]) {
      const { length } = frame;
      freeFrame(frame);
      expect(frame.length).toBe(length);
    }
  });
});

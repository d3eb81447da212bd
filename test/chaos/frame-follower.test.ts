import { expect, it } from 'vitest';
import { FrameFollower } from './frame-follower.ts';

const HEAD = Buffer.from('GET /work HTTP/1.1\r\nHost: here\r\n\r\n');

/** A frame as a client (masked) or a server writes it, with the shortest length there is. */
function frame(payload: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  const header = Buffer.alloc(10);
  let bytes = 2;
  header[0] = 0x82;
  if (payload < 126) {
    header[1] = mask | payload;
  } else if (payload < 65_536) {
    header[1] = mask | 126;
    bytes = header.writeUInt16BE(payload, 2);
  } else {
    header[1] = mask | 127;
    bytes = header.writeBigUInt64BE(BigInt(payload), 2);
  }
  return Buffer.concat([header.subarray(0, bytes), Buffer.alloc(masked ? 4 : 0), Buffer.alloc(payload, 0x82)]);
}

it.each([true, false])('finds where each frame begins, masked: %s', (masked) => {
  const parts = [HEAD, ...[0, 5, 125, 126, 65_535, 65_536, 1].map((payload) => frame(payload, masked))];
  const stream = Buffer.concat(parts);
  const ends = parts.map((_, i) => Buffer.concat(parts.slice(0, i + 1)).length);
  for (const chunkBytes of [3, 4096, stream.length]) {
    const follower = new FrameFollower();
    for (let begin = 0; begin < stream.length; begin += chunkBytes) {
      const chunk = stream.subarray(begin, begin + chunkBytes);
      const expected = ends.find((end) => end >= begin && end <= begin + chunk.length);
      const found = follower.follow(chunk);
      expect(found === undefined ? undefined : begin + found).toBe(expected);
    }
  }
});

it('finds none in an HTTP answer that opens no WebSocket', () => {
  expect(new FrameFollower().follow(Buffer.from('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n'))).toBeUndefined();
});

import { describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import type { PublishedWeights } from '../scheduling/published-weights.ts';
import { NewestWeights } from './newest-weights.ts';
import { LARGE_BYTES, Uplink, type Arrived, type Ping } from './uplink.ts';

const BYTES = 1000;
/** Frames begin with the number of their round, and those of updates with so much more. */
const UPDATE = 100;
/** Of a link that takes its time. */
const SLOW_BYTES_PER_MS = LARGE_BYTES / 1000;

/**
 * A socket from which nothing leaves until the test says so.
 * @param uplink absent: nobody else is there
 */
function connection(uplink = new Uplink()) {
  const unsent: (() => void)[] = [];
  const said: number[] = [];
  const pings: Arrived[] = [];
  let caughtUp = 0;
  const socket = {
    get bufferedAmount() {
      return unsent.length * BYTES;
    },
    send: (frame: Uint8Array, sent: () => void) => {
      said.push(frame[0] ?? -1);
      unsent.push(sent);
    },
  };
  const ping: Ping = (arrived) => void pings.push(arrived);
  const weights = new NewestWeights(socket as unknown as WebSocket, uplink, ping, () => caughtUp++);
  const arrive = () => pings.splice(0).forEach((arrived) => arrived(0));
  return { weights, said, leave: () => unsent.shift()?.(), arrive, caughtUp: () => caughtUp };
}

/** @param holders how many hold it is counted here */
function published(round: number, bytes = BYTES, holders = { count: 0 }): PublishedWeights {
  const framesOf = (first: number) => [new Uint8Array(bytes).fill(first)];
  const hold = () => {
    holders.count++;
    return () => void holders.count--;
  };
  const values = new Float32Array(1);
  return { round, values, frames: framesOf(round), updateFrames: framesOf(UPDATE + round), hold };
}

describe('weights', () => {
  it('that are on their way hold up the newest only, which follow them', () => {
    const { weights, said, leave, caughtUp } = connection();
    for (const round of [0, 1, 2]) weights.send(published(round));
    expect([said, weights.isBehind]).toEqual([[0], true]);
    leave();
    expect([said, weights.isBehind]).toEqual([[0, 2], true]);
    leave();
    expect([weights.isBehind, caughtUp()]).toEqual([false, 1]);
  });

  it('have left where they were answered, which may be noticed before', () => {
    const { weights, said, leave } = connection();
    for (const round of [0, 1, 2, 3]) {
      weights.send(published(round));
      weights.arrived(round);
      if (round > 0) leave();
    }
    expect([said, weights.isBehind]).toEqual([[0, ...[1, 2, 3].map((round) => UPDATE + round)], false]);
  });

  it('do not pile up for who answers and receives nothing', () => {
    const { weights, said, leave, caughtUp } = connection();
    for (let round = 0; round < 20; round++) {
      weights.send(published(round));
      weights.arrived(round);
    }
    expect([said, weights.isBehind]).toEqual([[0, UPDATE + 1], true]);
    leave();
    // The whole, as it has not got the round before.
    expect(said).toEqual([0, UPDATE + 1, 19]);
    leave();
    leave();
    expect([weights.isBehind, caughtUp()]).toEqual([false, 1]);
  });

  it('that wait for their turn on a slow link are replaced by newer ones, and the worker hears when it has come', async () => {
    vi.useFakeTimers();
    try {
      const uplink = new Uplink();
      const [first, second] = [connection(uplink), connection(uplink)];
      const holders = { count: 0 };
      const send = (round: number) => {
        for (const { weights } of [first, second]) weights.send(published(round, LARGE_BYTES, holders));
      };
      const all = () => {
        for (const each of [first, second]) each.arrive();
        for (const each of [first, second]) each.leave();
      };
      send(0);
      vi.advanceTimersByTime((2 * LARGE_BYTES) / SLOW_BYTES_PER_MS);
      all();
      expect([first.weights.bytesPerSecond, second.weights.bytesPerSecond]).toEqual([500_000, 500_000]);
      first.weights.arrived(0);
      send(1);
      second.weights.send(published(2, LARGE_BYTES, holders));
      expect([first.said, second.said, second.weights.isWaiting, second.weights.isBehind]).toEqual([
        [0, UPDATE + 1],
        [0],
        true,
        false,
      ]);
      await vi.advanceTimersByTimeAsync(LARGE_BYTES / SLOW_BYTES_PER_MS);
      expect([second.said, second.weights.isWaiting, second.caughtUp()]).toEqual([[0, 2], false, 1]);
      second.weights.stop();
      first.weights.stop();
      for (let i = 0; i < 3; i++) all();
      expect(holders.count).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

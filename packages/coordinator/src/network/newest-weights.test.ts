import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { PublishedWeights } from '../scheduling/published-weights.ts';
import { NewestWeights } from './newest-weights.ts';

const BYTES = 1000;

/** A socket from which nothing leaves until the test says so. */
function connection() {
  const unsent: (() => void)[] = [];
  const said: number[] = [];
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
  const weights = new NewestWeights(socket as unknown as WebSocket, () => caughtUp++);
  return { weights, said, leave: () => unsent.shift()?.(), caughtUp: () => caughtUp };
}

function published(round: number): PublishedWeights {
  const frames = [new Uint8Array(BYTES).fill(round)];
  return { round, values: new Float32Array(1), frames, updateFrames: undefined, hold: () => () => undefined };
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
    expect([said, weights.isBehind]).toEqual([[0, 1, 2, 3], false]);
  });

  it('do not pile up for who answers and receives nothing', () => {
    const { weights, said, leave, caughtUp } = connection();
    for (let round = 0; round < 20; round++) {
      weights.send(published(round));
      weights.arrived(round);
    }
    expect([said, weights.isBehind]).toEqual([[0, 1], true]);
    leave();
    expect(said).toEqual([0, 1, 19]);
    leave();
    leave();
    expect([weights.isBehind, caughtUp()]).toEqual([false, 1]);
  });
});

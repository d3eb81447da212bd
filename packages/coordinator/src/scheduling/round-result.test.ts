import { describe, expect, test } from 'vitest';
import { joined, timesOf, type AcceptedNode, type AcceptedWork, type RoundResult } from './round-result.ts';

function work(shard: number, worker: string, endMs: number, computeMs = 10, waitMs = 1): AcceptedWork {
  const numericClass = 'a1';
  return { shard, worker, numericClass, samples: 64, computeMs, waitMs, endMs, requeued: false, duplicated: false };
}

function node(index: number, worker: string): AcceptedNode {
  return { level: 0, index, worker, numericClass: 'a1', engine: 'onnx', device: 'cpu', samples: 64, computeMs: 10 };
}

function round(elapsedMs: number, reduceMs: number, ...done: AcceptedWork[]): RoundResult {
  const nodes = done.map(({ shard, worker }) => node(shard, worker));
  return { root: new Float32Array(1), work: done, nodes, reduceMs, elapsedMs };
}

describe('the rounds of a step as one', () => {
  test('one round is itself', () => {
    const only = round(40, 3, work(0, 'ada', 20), work(1, 'bob', 35));
    const { root: _, ...rest } = only;
    expect(joined([only])).toEqual(rest);
  });

  test('follow one after the other: each ends as late as those before it took', () => {
    const first = round(40, 3, work(0, 'ada', 20), work(1, 'bob', 35));
    const second = round(50, 4, work(0, 'bob', 15));
    const third = round(7, 5, work(0, 'ada', 6));
    expect(joined([first, second, third])).toEqual({
      work: [work(0, 'ada', 20), work(1, 'bob', 35), work(0, 'bob', 55), work(0, 'ada', 96)],
      nodes: [node(0, 'ada'), node(1, 'bob'), node(0, 'bob'), node(0, 'ada')],
      reduceMs: 12,
      elapsedMs: 97,
    });
    // What was joined is as it was.
    expect(second.work).toEqual([work(0, 'bob', 15)]);
  });

  test('have the times of all their work', () => {
    const { work: all, reduceMs } = joined([
      round(40, 3, work(0, 'ada', 30, 20, 2), work(1, 'bob', 35, 10, 4)),
      round(40, 4, work(0, 'bob', 30, 25, 6)),
    ]);
    expect(timesOf(all, reduceMs, 8, 100)).toEqual({ wait: 6, compute: 35, reduce: 7, adam: 8, wire: 50, total: 100 });
  });

  test('none are nothing', () => {
    expect(joined([])).toEqual({ work: [], nodes: [], reduceMs: 0, elapsedMs: 0 });
  });
});

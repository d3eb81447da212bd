import { describe, expect, it } from 'vitest';
import { idleWorkers } from './idle-workers.ts';

const plan = { images: 60_000, epochs: 1, batch: 256, shardSize: 64 };
const workers = (...slots: number[]) => slots.map((each) => ({ slots: each }));

describe('idleWorkers', () => {
  it.each([
    [workers(1, 1, 1, 1, 1, 1), plan, '6 workers, 4 shards: 2 idle; raise --batch or lower --shard-size'],
    [workers(8), plan, '1 worker with 8 threads, 4 shards: 4 threads idle; raise --batch or lower --shard-size'],
    [workers(1, 4), plan, '2 workers with 5 threads, 4 shards: 1 thread idle; raise --batch or lower --shard-size'],
    [workers(1, 1), { ...plan, images: 60 }, '2 workers, 1 shard: 1 idle; lower --shard-size'],
    [workers(1, 1, 1, 1), plan, undefined],
    [workers(1, 1, 1, 1), { ...plan, batch: 200 }, undefined],
    [workers(2, 2), plan, undefined],
    [[], plan, undefined],
  ])('%#: %j', (present, of, said) => {
    expect(idleWorkers(present, of)).toBe(said);
  });
});

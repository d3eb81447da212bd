import type { DataPlan } from '@gantry/core';
import type { WorkerLink } from '../scheduling/worker-link.ts';

/** Why some workers have nothing to do in any step, and what helps; undefined if there is enough for all. */
export function idleWorkers(
  workers: readonly Pick<WorkerLink, 'slots'>[],
  { images, batch, shardSize }: DataPlan,
): string | undefined {
  // The last batch of an epoch may have fewer: that cannot be helped.
  const shards = Math.ceil(Math.min(batch, images) / shardSize);
  const threads = workers.reduce((sum, { slots }) => sum + slots, 0);
  const idle = threads - shards;
  if (idle <= 0) return undefined;
  const all = count(workers.length, 'worker');
  // A batch cannot have more images than there are.
  const remedy = `idle; ${batch < images ? 'raise --batch or lower --shard-size' : 'lower --shard-size'}`;
  return threads === workers.length
    ? `${all}, ${count(shards, 'shard')}: ${idle} ${remedy}`
    : `${all} with ${threads} threads, ${count(shards, 'shard')}: ${count(idle, 'thread')} ${remedy}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

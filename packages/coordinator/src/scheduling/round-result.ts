import type { StepTimes, TreeNode } from '@gantry/core';

/** One accepted tree node of a round, for the record. */
export interface AcceptedNode extends TreeNode {
  readonly worker: string;
  readonly numericClass: string;
  readonly engine: string;
  readonly device: string;
  readonly samples: number;
  /** Of all its shards. */
  readonly computeMs: number;
}

/** One shard of a round whose contribution was accepted, alone or in a sum. */
export interface AcceptedWork {
  readonly shard: number;
  readonly worker: string;
  readonly numericClass: string;
  readonly samples: number;
  readonly computeMs: number;
  /** Time in which the worker had nothing to compute before this shard. */
  readonly waitMs: number;
  /** When it was said to be computed, in ms since the round began. */
  readonly endMs: number;
  /** A worker that held it before was lost, or failed at it. */
  readonly requeued: boolean;
  /** It was late and was given to a second worker. */
  readonly duplicated: boolean;
}

export interface RoundResult {
  /** Sum of the contributions; its memory is used again in the next round. */
  readonly root: Float32Array;
  readonly work: readonly AcceptedWork[];
  readonly nodes: readonly AcceptedNode[];
  /** Spent checking and adding contributions, and waiting for their sum. */
  readonly reduceMs: number;
  /** From the publication of the weights until the sum is there. */
  readonly elapsedMs: number;
}

/** Where the time of a step went. @param work at least one contribution @param total ms, as `reduce` and `adam` */
export function timesOf(work: readonly AcceptedWork[], reduce: number, adam: number, total: number): StepTimes {
  const busy = new Map<string, { compute: number; wait: number }>();
  for (const { worker, computeMs, waitMs } of work) {
    const { compute, wait } = busy.get(worker) ?? { compute: 0, wait: 0 };
    busy.set(worker, { compute: compute + computeMs, wait: wait + waitMs });
  }
  const workers = [...busy.values()];
  const compute = Math.max(...workers.map((worker) => worker.compute));
  const wait = workers.reduce((sum, worker) => sum + worker.wait, 0) / workers.length;
  const wire = Math.max(0, total - compute - reduce - adam);
  return { wait, compute, wire, reduce, adam, total };
}

/** What one of several steps has of their times. */
export function shareOf(times: StepTimes, steps: number): StepTimes {
  const { wait, compute, wire, reduce, adam, total } = times;
  const share = (ms: number) => ms / steps;
  return {
    wait: share(wait),
    compute: share(compute),
    wire: share(wire),
    reduce: share(reduce),
    adam: share(adam),
    total: share(total),
  };
}

/** The results of the rounds of one step, as one: what was done in them follows one after the other. */
export function joined(results: readonly RoundResult[]): Omit<RoundResult, 'root'> {
  let elapsedMs = 0;
  const work = results.flatMap((result) => {
    const beginMs = elapsedMs;
    elapsedMs += result.elapsedMs;
    return result.work.map((each) => ({ ...each, endMs: beginMs + each.endMs }));
  });
  const reduceMs = results.reduce((sum, each) => sum + each.reduceMs, 0);
  return { work, nodes: results.flatMap(({ nodes }) => nodes), reduceMs, elapsedMs };
}

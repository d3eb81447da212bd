import type { WatchedStall, WatchedStep, WatchedWorker, WatchedWorkerState } from '@gantry/core';
import { describeStalls } from '../scheduling/assignment.ts';
import type { RegisteredWorker } from '../scheduling/worker-registry.ts';
import type { SchedulerView } from '../scheduling/scheduler-view.ts';
import { STALL_MS } from '../scheduling/round-in-progress.ts';
import type { AcceptedWork } from '../scheduling/round-result.ts';

/** One of the last steps, as far as those who watch care. */
export interface RecentStep {
  readonly step: number;
  /** From the publication of the weights to the new ones. */
  readonly totalMs: number;
  /** From the end of the step before. */
  readonly periodMs: number;
  readonly work: readonly AcceptedWork[];
}

/** The workers that are there, in the order in which they came, and those that left lately. */
export function watchedWorkers(view: SchedulerView, recent: readonly RecentStep[]): WatchedWorker[] {
  const shares = sharesOf(recent);
  const total = [...shares.values()].reduce((sum, { samples }) => sum + samples, 0);
  const periodMs = recent.reduce((sum, step) => sum + step.periodMs, 0);
  return [...view.registry.values(), ...view.registry.departed].map((entry) => {
    const { link, accepted, departure, since } = entry;
    const { samples, computeMs, waitMs } = (departure ? undefined : shares.get(link.name)) ?? nothing;
    return {
      name: link.name,
      ...link.place,
      slots: link.slots,
      numericClass: link.numericClass,
      state: departure?.state ?? stateOf(entry, view),
      ...(departure && { cause: departure.cause }),
      since: since.toISOString(),
      ...accepted,
      imagesPerSecond: periodMs > 0 ? (samples * 1000) / periodMs : 0,
      share: total > 0 ? samples / total : 0,
      computeMs: computeMs / Math.max(1, recent.length),
      waitMs: waitMs / Math.max(1, recent.length),
      ...link.traffic(),
    };
  });
}

/** What keeps the round under way from going on, where somebody may have to do something. */
export function watchedStalls(view: SchedulerView): WatchedStall[] {
  const { registry, arrivals, silentMs } = view;
  if (silentMs <= STALL_MS) return [];
  if (registry.size > 0) return describeStalls(view);
  const { cause, remedy } = arrivals.wait;
  return remedy === undefined ? [] : [{ cause, remedy }];
}

/** Of the steps of the round under way, how many are done, over all units; 0 where a round has one step, and before anything is heard. */
export function stepsUnderWay({ registry, round, shards }: SchedulerView): number {
  const steps = Math.max(0, ...shards.map(({ work }) => work.batches.length));
  if (steps < 2) return 0;
  const done = new Map(shards.map((shard) => [shard, shard.accepted ? shard.samples : 0]));
  for (const entry of registry.values()) {
    for (const { shard, progress } of entry.heldOf(round)) {
      done.set(shard, Math.max(done.get(shard) ?? 0, progress?.samples ?? 0));
    }
  }
  const samples = shards.reduce((sum, each) => sum + each.samples, 0);
  const [first, last] = [shards[0]?.work.batches[0]?.step ?? 0, shards[0]?.work.batches.at(-1)?.step ?? 0];
  return ((last - first + 1) * [...done.values()].reduce((sum, each) => sum + each, 0)) / samples;
}

export function watchedStep({ step, totalMs, work }: RecentStep): WatchedStep {
  const shards = work.map(({ shard, worker, samples, computeMs, endMs, requeued, duplicated }) => ({
    shard,
    worker,
    samples,
    // Inputs may have been prepared while the step before went on.
    beginMs: Math.max(0, endMs - computeMs),
    endMs,
    requeued,
    duplicated,
  }));
  return { step, totalMs, shards };
}

const nothing = { samples: 0, computeMs: 0, waitMs: 0 };

/** What each worker did in some steps. */
function sharesOf(steps: readonly RecentStep[]): ReadonlyMap<string, typeof nothing> {
  const shares = new Map<string, typeof nothing>();
  for (const { worker, samples, computeMs, waitMs } of steps.flatMap(({ work }) => work)) {
    const share = shares.get(worker) ?? { ...nothing };
    share.samples += samples;
    share.computeMs += computeMs;
    share.waitMs += waitMs;
    shares.set(worker, share);
  }
  return shares;
}

function stateOf(entry: RegisteredWorker, { round }: SchedulerView): WatchedWorkerState {
  if (entry.isLate) return 'late';
  if (entry.heldOf(round).length > 0) return 'computing';
  return entry.link.isBehind() ? 'behind' : 'idle';
}

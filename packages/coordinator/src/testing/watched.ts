/** A run to watch, without anybody who computes. */
import { DEFAULT_OPTIMIZERS, type RecordedEvent, type Report, type TrainConfig } from '@gantry/core';
import { Balance } from '../run/balance.ts';
import { RunControl } from '../run/run-control.ts';
import type { MetricsLine } from '../storage/run-lines.ts';
import { RunWatch } from '../monitoring/run-watch.ts';
import { Scheduler } from '../scheduling/scheduler.ts';

const config: TrainConfig = {
  model: 'dcgan',
  epochs: 100,
  batch: 128,
  shardSize: 64,
  seed: 7,
  limit: 1280,
  localSteps: 1,
  localStepsFrom: 1,
  wire: 'float32',
  flip: false,
  checkpointEvery: 100,
  keepGenerators: false,
  batchNorm: 'moving',
  optimizers: DEFAULT_OPTIMIZERS,
};

/** As the default model has them. */
const REPORTS: readonly Report[] = ['generatorLoss', 'discriminatorLoss'].map((name) => ({
  name,
  chart: 'Loss',
  label: name,
}));

export function metricsLine(step: number): MetricsLine {
  return {
    step,
    epoch: Math.floor((step - 1) / 10) + 1,
    generatorLoss: 1 / step,
    discriminatorLoss: 1.25,
    dReal: 0.5,
    dFake: 0.25,
    generatorGradNorm: 1,
    discriminatorGradNorm: 2,
    imagesPerSecond: 512,
    workers: 2,
    ms: { wait: 0, compute: 200, wire: 20, reduce: 20, adam: 10, total: 250 },
  };
}

export function eventLine(step: number, cause = ''): RecordedEvent {
  return { time: new Date(step * 1000).toISOString(), step, type: 'note', cause };
}

/** Steps as two workers would do them. */
export function doSteps(watch: RunWatch, first: number, last = first): void {
  for (let done = first; done <= last; done++) {
    const work = ['ada', 'bob'].map((worker, shard) => ({
      shard,
      worker,
      numericClass: 'a1',
      samples: 64,
      computeMs: 200,
      waitMs: 10,
      endMs: 220,
      requeued: false,
      duplicated: shard === 1,
    }));
    watch.stepped([metricsLine(done)], 240, work);
  }
}

interface Watched {
  readonly watch: RunWatch;
  readonly control: RunControl;
  readonly scheduler: Scheduler;
}

/** @param reports of the run's model */
export function watchedRun(reports: readonly Report[] = REPORTS): Watched {
  const scheduler = new Scheduler(() => undefined);
  const control = new RunControl(scheduler, config);
  const plan = { images: 1280, epochs: 100, batch: 128, shardSize: 64 };
  const balance = new Balance(reports, plan);
  return {
    watch: new RunWatch({ name: 'test', config, plan, reports, scheduler, control, balance }),
    control,
    scheduler,
  };
}

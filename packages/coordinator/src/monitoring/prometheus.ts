import { metricOf, type WatchedWorker } from '@gantry/core';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { RunWatch } from './run-watch.ts';

const STATES = ['waiting', 'training', 'paused', 'stopping', 'stopped', 'finished', 'failed'] as const;

/** Values by label; what is no number is left out. */
type Labelled = Readonly<Record<string, unknown>>;

/** What numbers a line of evaluations.jsonl has beside measures. */
const NO_MEASURES = { step: undefined, samples: undefined };

/** A run's figures in the format of Prometheus; they are taken when they are asked for. */
export function runMetrics(watch: RunWatch): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const run = () => watch.present().run;
  const last = () => watch.lastMetrics;

  addGauges(register, 'run_state', '1 for the state in which the run is', 'state', () => {
    const { state } = run();
    return Object.fromEntries(STATES.map((each) => [each, each === state ? 1 : 0]));
  });
  addGauge(register, 'steps_done', 'Steps done', () => run().step);
  addGauge(register, 'steps', 'Steps in the whole run', () => run().totalSteps);
  addGauge(register, 'epochs_done', 'Epochs done', () => run().epoch);
  addGauge(register, 'images_per_second', 'Of the last step', () => run().imagesPerSecond);
  addGauge(register, 'images_per_second_average', 'Of the steps of this process', () => run().averageImagesPerSecond);
  addGauge(register, 'stalls', 'What keeps the run from going on at the moment', () => watch.present().stalls.length);
  addGauges(
    register,
    'metric',
    'What the model reported of the last step, under the names of metrics.jsonl',
    'name',
    () => {
      const line = last();
      return Object.fromEntries(run().reports.map(({ name }) => [name, line && metricOf(line, name)]));
    },
  );
  addGauges(
    register,
    'evaluation',
    'Of the last epoch that was evaluated, under the names of evaluations.jsonl',
    'name',
    () => ({ ...watch.lastEvaluation, ...NO_MEASURES }),
  );
  addGauges(register, 'step_seconds', 'Time of the last step by phase', 'phase', () => {
    return Object.fromEntries(Object.entries(last()?.ms ?? {}).map(([phase, ms]) => [phase, ms / 1000]));
  });
  addWorkers(register, () => watch.present().workers.filter(({ cause }) => cause === undefined));
  return register;
}

/** @param workers those that are there */
function addWorkers(register: Registry, workers: () => readonly WatchedWorker[]): void {
  const eachWorker = (valueOf: (worker: WatchedWorker) => number | null) => () =>
    Object.fromEntries(workers().map((worker) => [worker.name, valueOf(worker)]));
  const gauges = (name: string, help: string, valueOf: (worker: WatchedWorker) => number | null) =>
    addGauges(register, `worker_${name}`, help, 'worker', eachWorker(valueOf));
  const counters = (name: string, help: string, valueOf: (worker: WatchedWorker) => number) =>
    addCounters(register, `worker_${name}_total`, help, 'worker', eachWorker(valueOf));

  addGauge(register, 'workers', 'Workers that are attached', () => workers().length);
  gauges('images_per_second', 'Over the last steps', ({ imagesPerSecond }) => imagesPerSecond);
  gauges('round_trip_seconds', 'Of the last heartbeat', ({ roundTripMs }) => roundTripMs && roundTripMs / 1000);
  gauges('silent_seconds', 'Since anything came from it', ({ lastSeenMs }) => lastSeenMs / 1000);
  gauges('late', '1 if it takes much longer than usual', ({ state }) => (state === 'late' ? 1 : 0));
  counters('shards', 'Shards of it that were accepted', ({ shards }) => shards);
  counters('samples', 'Images of it that were accepted', ({ samples }) => samples);
  counters('received_bytes', 'Bytes that came from it', ({ bytesIn }) => bytesIn);
  counters('sent_bytes', 'Bytes that went to it', ({ bytesOut }) => bytesOut);
  counters('sent_image_bytes', 'Bytes of images among them', ({ imageBytes }) => imageBytes);
}

function addGauge(register: Registry, name: string, help: string, value: () => number): void {
  const collect = function (this: Gauge): void {
    this.set(value());
  };
  register.registerMetric(new Gauge({ name: `gantry_${name}`, help, registers: [], collect }));
}

function addGauges(register: Registry, name: string, help: string, label: string, values: () => Labelled): void {
  const collect = function (this: Gauge): void {
    this.reset();
    for (const [key, value] of present(values())) this.set({ [label]: key }, value);
  };
  register.registerMetric(new Gauge({ name: `gantry_${name}`, help, labelNames: [label], registers: [], collect }));
}

/** Totals that are kept elsewhere. One that falls, as a worker's does when it comes back, counts as restarted. */
function addCounters(register: Registry, name: string, help: string, label: string, values: () => Labelled): void {
  const collect = function (this: Counter): void {
    this.reset();
    for (const [key, value] of present(values())) this.inc({ [label]: key }, value);
  };
  register.registerMetric(new Counter({ name: `gantry_${name}`, help, labelNames: [label], registers: [], collect }));
}

function present(values: Labelled): [string, number][] {
  return Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
}

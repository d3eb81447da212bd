/** A run that nobody computes, as those who watch it see it: many workers, a long history, four updates a second. */
import type {
  RecordedEvent,
  WatchSnapshot,
  WatchUpdate,
  WatchedMetrics,
  WatchedRun,
  WatchedStep,
  WatchedWorker,
} from '@gantry/core';
import { reportsOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';

const STEPS_PER_EPOCH = 235;
const SHARD_MS = 180;
const TIMELINE_STEPS = 20;
const SNAPSHOT_STRIDE = 8;
const REPORTS = reportsOf(dcgan());

export class SyntheticRun {
  readonly #workers: number;
  #step: number;
  #bytes = 0;

  /** @param step steps that are done at the beginning */
  constructor(workers: number, step: number) {
    this.#workers = workers;
    this.#step = step;
  }

  snapshot(): WatchSnapshot {
    const steps = Array.from({ length: this.#step }, (_, i) => i + 1);
    return {
      type: 'snapshot',
      ...this.#everything(),
      metrics: steps.filter((step) => step % SNAPSHOT_STRIDE === 1 || step === this.#step).map(metricsOf),
      events: Array.from({ length: 500 }, (_, i) => eventOf(this.#step - 500 + i)),
      timeline: steps.slice(-TIMELINE_STEPS).map((step) => this.#timelineOf(step)),
      samples: Array.from({ length: Math.floor(this.#step / STEPS_PER_EPOCH) + 1 }, (_, i) => i),
    };
  }

  /** Does a step. */
  update(): WatchUpdate {
    const step = ++this.#step;
    this.#bytes += 10_000_000;
    return {
      type: 'update',
      ...this.#everything(),
      metrics: [metricsOf(step)],
      events: step % 4 === 0 ? [eventOf(step)] : [],
      timeline: [this.#timelineOf(step)],
      samples: step % STEPS_PER_EPOCH === 0 ? [step / STEPS_PER_EPOCH] : [],
    };
  }

  history(from: number, to: number, points: number): WatchedMetrics[] {
    const last = Math.min(to, this.#step);
    const stride = Math.max(1, Math.ceil((last - from + 1) / (points - 1)));
    const steps = Array.from(
      { length: Math.max(0, Math.ceil((last - from + 1) / stride)) },
      (_, i) => from + i * stride,
    );
    return [...steps.filter((step) => step < last), last].map(metricsOf);
  }

  #everything(): { run: WatchedRun; workers: WatchedWorker[]; stalls: []; concerns: []; evaluations: [] } {
    const { imagesPerSecond } = metricsOf(this.#step);
    return {
      run: {
        name: 'synthetic',
        state: 'training',
        step: this.#step,
        totalSteps: 2 * 50 * STEPS_PER_EPOCH,
        epoch: Math.floor(this.#step / STEPS_PER_EPOCH),
        epochs: 100,
        stepsPerEpoch: STEPS_PER_EPOCH,
        images: 60_000,
        batch: 6400,
        shardSize: 64,
        seed: 0,
        localSteps: 1,
        localStepsFrom: 1,
        wire: 'float32',
        stepsUnderWay: 0,
        reports: REPORTS,
        imagesPerSecond,
        averageImagesPerSecond: 25_000,
        etaSeconds: (100 * STEPS_PER_EPOCH - this.#step) / 4,
        numericClasses: ['onnx-cuda', 'onnx-cpu'],
        join: { shell: 'npx worker.tgz', powershell: 'npx worker.tgz' },
      },
      workers: Array.from({ length: this.#workers }, (_, i) => this.#workerOf(i)),
      stalls: [],
      concerns: [],
      evaluations: [],
    };
  }

  #workerOf(i: number): WatchedWorker {
    const computeMs = shardMs(this.#step, i);
    return {
      name: nameOf(i),
      address: `10.0.0.${i + 1}`,
      engine: 'onnx',
      device: i % 10 === 0 ? 'cuda:0' : 'cpu',
      slots: 1,
      numericClass: i % 10 === 0 ? 'onnx-cuda' : 'onnx-cpu',
      state: (this.#step + i) % 3 === 0 ? 'idle' : 'computing',
      since: new Date().toISOString(),
      shards: this.#step,
      samples: this.#step * 64,
      imagesPerSecond: (64 * 1000) / 250,
      share: 1 / this.#workers,
      computeMs,
      waitMs: Math.max(0, 250 - computeMs),
      bytesIn: this.#bytes,
      bytesOut: this.#bytes + 1000,
      imageBytes: 1000,
      outRate: 1e8,
      inRate: 1e8,
      roundTripMs: 0.3 + noise(this.#step + i),
      lastSeenMs: 800 * noise(this.#step * 7 + i),
    };
  }

  #timelineOf(step: number): WatchedStep {
    const shards = Array.from({ length: this.#workers }, (_, shard) => {
      const beginMs = 5 + 10 * noise(step + 3 * shard);
      const endMs = beginMs + shardMs(step, shard);
      const chance = noise(step * 11 + shard);
      return {
        shard,
        worker: nameOf(shard),
        samples: 64,
        beginMs,
        endMs,
        requeued: chance < 0.005,
        duplicated: chance > 0.995,
      };
    });
    return { step, totalMs: 20 + Math.max(...shards.map(({ endMs }) => endMs)), shards };
  }
}

function nameOf(i: number): string {
  return `worker-${i + 1}`;
}

/** One worker is a straggler. */
function shardMs(step: number, worker: number): number {
  return SHARD_MS * (worker === 41 ? 2.2 : 1) * (0.9 + 0.2 * noise(step * 13 + worker));
}

function metricsOf(step: number): WatchedMetrics {
  const t = step / 2000;
  return {
    step,
    epoch: Math.floor((step - 1) / STEPS_PER_EPOCH) + 1,
    generatorLoss: 1.2 + 0.5 * Math.sin(t) + 0.3 * noise(step),
    discriminatorLoss: 0.9 + 0.3 * Math.cos(t) + 0.2 * noise(step + 1),
    dReal: 0.6 + 0.2 * noise(step + 2),
    dFake: 0.3 + 0.2 * noise(step + 3),
    generatorGradNorm: 2 + noise(step + 4),
    discriminatorGradNorm: 3 + noise(step + 5),
    imagesPerSecond: 24_000 + 2000 * noise(step + 6),
    workers: 100,
    ms: { wait: 10, compute: 180, wire: 30, reduce: 20, adam: 10, total: 250 },
  };
}

function eventOf(step: number): RecordedEvent {
  const time = new Date().toISOString();
  const worker = nameOf(step % 100);
  if (step % 3 === 0)
    return { time, step, type: 'requeued', shard: step % 100, of: step + 1, worker, cause: 'its connection was lost' };
  if (step % 3 === 1) return { time, step, type: 'left', worker, cause: 'the connection was closed' };
  return { time, step, type: 'joined', worker, engine: 'onnx', device: 'cpu', class: 'fedcba9876543210', slots: 1 };
}

/** 0 … 1, the same for the same n. */
function noise(n: number): number {
  const x = Math.sin(n * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
}

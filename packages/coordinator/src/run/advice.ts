import { RoundShapes, encodedBytes, stepsPerEpoch, type DataPlan, type Wire } from '@gantry/core';
import type { AcceptedWork } from '../scheduling/round-result.ts';
import type { WorkerLink } from '../scheduling/worker-link.ts';
import { predictedImagesPerSecond, type ModelWorker, type RoundBytes } from './throughput-model.ts';

/** Rounds after which speeds are believed; the first ones have programs to compile and images to send. */
const ROUNDS_OBSERVED = 4;
/** Local steps that are considered. */
const LOCAL_STEPS = [8, 32, 128];
/** What is not that much faster is not worth another result. */
const WORTHWHILE = 1.5;
/** Fewer local steps are better as long as they reach so much of the best. */
const NEARLY = 0.85;
/** Speeds within this factor are taken to be equal. */
const EQUAL = 1.25;
/** A smaller part of the time than this should not be spent idle for want of shards. */
const BUSY = 0.8;

interface Observed {
  images: number;
  computeMs: number;
}

/**
 * Says once for each set of workers what would make them faster together: local steps where the links are the bottleneck, another batch
 * where the shards do not divide among the workers.
 */
export class Advice {
  readonly #shapes: RoundShapes;
  readonly #plan: DataPlan;
  #workers = '';
  #rounds = 0;
  #observed = new Map<string, Observed>();

  constructor(shapes: RoundShapes, plan: DataPlan) {
    this.#shapes = shapes;
    this.#plan = plan;
  }

  /**
   * A round was computed.
   * @param imagesPerSecond of it
   * @returns what would help, in a line, where that is known now and was not said of these workers
   */
  computed(workers: readonly WorkerLink[], work: readonly AcceptedWork[], imagesPerSecond: number): string | undefined {
    const names = workers
      .map(({ name }) => name)
      .toSorted()
      .join('\n');
    if (names !== this.#workers) {
      this.#workers = names;
      this.#rounds = 0;
      this.#observed = new Map();
    }
    if (this.#rounds > ROUNDS_OBSERVED) return undefined;
    for (const { worker, samples, computeMs } of this.#rounds === 0 ? [] : work) {
      const observed = this.#observed.get(worker) ?? { images: 0, computeMs: 0 };
      observed.images += samples;
      observed.computeMs += computeMs;
      this.#observed.set(worker, observed);
    }
    if (this.#rounds < ROUNDS_OBSERVED) {
      this.#rounds++;
      return undefined;
    }
    const models = workers.flatMap((link) => this.#modelOf(link) ?? []);
    if (models.length < workers.length || models.length < 2) return undefined;
    this.#rounds++;
    return this.#aboutLinks(models, imagesPerSecond) ?? this.#aboutShards(models);
  }

  #modelOf(link: WorkerLink): ModelWorker | undefined {
    const { images = 0, computeMs = 0 } = this.#observed.get(link.name) ?? {};
    const { outRate, inRate } = link.traffic();
    if (images === 0 || computeMs === 0 || outRate === null || inRate === null) return undefined;
    return { imagesPerSecond: (images * 1000 * link.slots) / computeMs, slots: link.slots, outRate, inRate };
  }

  #aboutLinks(workers: readonly ModelWorker[], imagesPerSecond: number): string | undefined {
    const { localSteps, wire } = this.#shapes.spec;
    const predict = (steps: number, over: Wire) =>
      predictedImagesPerSecond(workers, this.#plan, steps, this.#bytesOf(steps, over));
    const now = predict(localSteps, wire);
    // A round ends with its epoch.
    const most = stepsPerEpoch(this.#plan);
    const options = LOCAL_STEPS.filter((steps) => steps > localSteps && steps <= most).map((steps) => ({
      steps,
      reached: predict(steps, 'int8'),
    }));
    const best = Math.max(...options.map(({ reached }) => reached));
    const option = options.find(({ reached }) => reached >= NEARLY * best);
    if (!option || option.reached < WORTHWHILE * now) return undefined;
    const rate = Math.max(...workers.map(({ outRate }) => outRate));
    return (
      `${workers.length} workers on ${linkText(rate)}: ${round(imagesPerSecond)} images/s; a new run with --local-steps ` +
      `${option.steps} --wire int8 would reach about ${round(option.reached)}, with another result`
    );
  }

  /** Of equal workers, some have nothing to do while others compute their last shards. */
  #aboutShards(workers: readonly ModelWorker[]): string | undefined {
    const speeds = workers.map(({ imagesPerSecond, slots }) => imagesPerSecond / slots);
    if (Math.max(...speeds) > EQUAL * Math.min(...speeds)) return undefined;
    const { images, batch, shardSize } = this.#plan;
    const shards = Math.ceil(Math.min(batch, images) / shardSize);
    const threads = workers.reduce((sum, { slots }) => sum + slots, 0);
    const turns = Math.ceil(shards / threads);
    const busy = shards / (threads * turns);
    // More threads than shards have a warning of their own.
    if (busy >= BUSY || threads > shards) return undefined;
    const [less, more] = [turns - 1, turns].map((each) => each * threads * shardSize);
    return (
      `${threads} equal threads on ${shards} shards are busy for ${Math.round(100 * busy)}% of the time at most; ` +
      `a new run with --batch ${less} or ${more} would use all of it, with another result`
    );
  }

  #bytesOf(localSteps: number, wire: Wire): RoundBytes {
    const { manifest, spec } = this.#shapes;
    const shapes = new RoundShapes(manifest, { ...spec, localSteps, localFrom: 0, wire });
    const [published, result] = [shapes.published(0), shapes.contribution(0)].map(({ length, compact }) =>
      encodedBytes(wire, length, compact),
    );
    return { published: published ?? 0, result: result ?? 0, isSummed: wire === 'float32' };
  }
}

function linkText(bytesPerSecond: number): string {
  if (!Number.isFinite(bytesPerSecond)) return 'a fast link';
  const megabits = (8 * bytesPerSecond) / 1e6;
  return megabits >= 1000 ? `${(megabits / 1000).toPrecision(2)} Gbit/s` : `${round(megabits)} Mbit/s`;
}

/** Two digits say all that is known. */
function round(value: number): string {
  return String(Number(value.toPrecision(2)));
}

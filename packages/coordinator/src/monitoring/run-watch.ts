import {
  MAX_LOCAL_STEPS,
  type JoinCommands,
  epochsAfter,
  imagesAfter,
  knownEvent,
  stepsPerEpoch,
  totalSteps,
  type DataPlan,
  type EpochEvaluation,
  type RecordedEvent,
  type Report,
  type RunEvent,
  type RunState,
  type TrainConfig,
  type WatchSnapshot,
  type WatchUpdate,
  type WatchedRun,
} from '@gantry/core';
import { Ring } from './ring.ts';
import type { Balance } from '../run/balance.ts';
import type { RunControl } from '../run/run-control.ts';
import type { RunDirectory } from '../storage/run-directory.ts';
import type { MetricsLine } from '../storage/run-lines.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import { DownsampledHistory } from './downsampled-history.ts';
import { stepsUnderWay, watchedStalls, watchedStep, watchedWorkers, type RecentStep } from './watched-workers.ts';

const HISTORY_LINES = 2000;
const EVENTS = 500;
const TIMELINE_STEPS = 20;
const EVALUATIONS = 2000;
/** More steps than there can be between two updates: those of the longest round of local steps. */
const UPDATE_STEPS = 2 * MAX_LOCAL_STEPS;
/** More tell nothing new. */
const NUMERIC_CLASSES = 16;

/** Events of normal scheduling, several a second, that would push out what people look for. */
const ROUTINE: ReadonlySet<string> = new Set<RunEvent['type']>(['stolen']);

/** Up to where somebody has seen a run; counts of what there was. */
export interface Seen {
  readonly rewinds: number;
  readonly metrics: number;
  readonly events: number;
  readonly timeline: number;
  readonly samples: number;
  readonly evaluations: number;
}

/** How a run ended. */
export type Ending =
  | { readonly state: 'finished'; readonly weightsDigest: string }
  | { readonly state: 'stopped' }
  | { readonly state: 'failed'; readonly failure: string };

export interface RunWatchParts {
  /** Name of the run, for people. */
  readonly name: string;
  readonly config: TrainConfig;
  readonly plan: DataPlan;
  readonly reports: readonly Report[];
  readonly scheduler: Scheduler;
  readonly control: RunControl;
  readonly balance: Balance;
}

/**
 * What those who watch a run may see of it. Telling it something costs next to nothing, and its memory is bounded; views
 * are made when somebody asks.
 */
export class RunWatch {
  readonly #parts: RunWatchParts;
  #history = new DownsampledHistory<MetricsLine>(HISTORY_LINES);
  readonly #metrics = new Ring<MetricsLine>(UPDATE_STEPS);
  readonly #events = new Ring<RecordedEvent>(EVENTS);
  #timeline = new Ring<RecentStep>(TIMELINE_STEPS);
  #rewinds = 0;
  #samples: number[] = [];
  #evaluations = new Ring<EpochEvaluation>(EVALUATIONS);
  readonly #numericClasses = new Set<string>();
  #last: MetricsLine | undefined;
  /** Work of this process. */
  #images = 0;
  #ms = 0;
  #join: JoinCommands = { shell: '', powershell: '' };
  #ending: Ending | undefined;

  constructor(parts: RunWatchParts) {
    this.#parts = parts;
  }

  /** Takes over what the directory of a resumed run records. */
  async load(directory: RunDirectory): Promise<void> {
    for await (const line of directory.metrics()) {
      this.#remember(line);
      this.#parts.balance.stepped(line);
    }
    for await (const line of directory.events()) {
      this.happened(line);
      const event = knownEvent(line);
      // What each of them computed is not looked for: the record of all work is long.
      if (event?.type === 'joined') this.#computedBy(event.class);
    }
    this.#samples = await this.#samplesIn(directory, this.#last);
    this.#evaluations = await evaluationsIn(directory);
  }

  /** The run went back: takes over what its directory records by now. Those who watch need a snapshot. */
  async rewind(directory: RunDirectory): Promise<void> {
    const history = new DownsampledHistory<MetricsLine>(HISTORY_LINES);
    let last: MetricsLine | undefined;
    this.#parts.balance.restart();
    for await (const line of directory.metrics()) {
      history.add((last = line));
      this.#parts.balance.stepped(line);
    }
    const samples = await this.#samplesIn(directory, last);
    const evaluations = await evaluationsIn(directory);
    // At once: a snapshot in between would be of two times.
    this.#rewinds++;
    this.#history = history;
    this.#timeline = new Ring(TIMELINE_STEPS);
    this.#last = last;
    this.#samples = samples;
    this.#evaluations = evaluations;
  }

  async #samplesIn(directory: RunDirectory, last: MetricsLine | undefined): Promise<number[]> {
    const epochs = epochsAfter(last?.step ?? 0, this.#parts.plan);
    // Later ones are of steps that will be done again.
    return (await directory.sampleEpochs()).filter((epoch) => epoch <= epochs);
  }

  /** @param commands attach a worker; without a token */
  joinBy(commands: JoinCommands): void {
    this.#join = commands;
  }

  /** A step is done, or the steps of a round. @param totalMs from the publication of what they are computed from */
  stepped(lines: readonly MetricsLine[], totalMs: number, work: RecentStep['work']): void {
    for (const line of lines) this.#remember(line);
    const periodMs = lines.reduce((sum, { ms }) => sum + ms.total, 0);
    const step = lines.at(-1)?.step ?? this.lastStep;
    this.#timeline.push({ step, totalMs, periodMs, work });
    for (const { numericClass } of work) this.#computedBy(numericClass);
    this.#images += work.reduce((sum, { samples }) => sum + samples, 0);
    this.#ms += periodMs;
  }

  happened(line: RecordedEvent): void {
    if (!ROUTINE.has(line.type)) this.#events.push(line);
  }

  /** There is a sample grid after so many epochs. */
  sampled(epoch: number): void {
    if (this.#samples.at(-1) !== epoch) this.#samples.push(epoch);
  }

  /** An epoch was evaluated. */
  evaluated(line: EpochEvaluation): void {
    this.#evaluations.push(line);
  }

  ended(ending: Ending): void {
    this.#ending = ending;
  }

  get lastStep(): number {
    return this.#last?.step ?? 0;
  }

  /** The whole history, downsampled. */
  get history(): readonly MetricsLine[] {
    return this.#history.lines();
  }

  get lastMetrics(): MetricsLine | undefined {
    return this.#last;
  }

  /** Epochs with a sample grid, in order. */
  get samples(): readonly number[] {
    return this.#samples;
  }

  get lastEvaluation(): EpochEvaluation | undefined {
    return this.#evaluations.all().at(-1);
  }

  /** All there is at present. */
  get seen(): Seen {
    return {
      rewinds: this.#rewinds,
      metrics: this.#metrics.count,
      events: this.#events.count,
      timeline: this.#timeline.count,
      samples: this.#samples.length,
      evaluations: this.#evaluations.count,
    };
  }

  snapshot(): WatchSnapshot {
    return {
      type: 'snapshot',
      ...this.present(),
      metrics: this.#history.lines(),
      events: this.#events.all(),
      timeline: this.#timeline.all().map(watchedStep),
      samples: this.#samples,
      evaluations: this.#evaluations.all(),
    };
  }

  update(seen: Seen): WatchUpdate {
    return {
      type: 'update',
      ...this.present(),
      metrics: this.#metrics.since(seen.metrics),
      events: this.#events.since(seen.events),
      timeline: this.#timeline.since(seen.timeline).map(watchedStep),
      samples: this.#samples.slice(seen.samples),
      evaluations: this.#evaluations.since(seen.evaluations),
    };
  }

  present(): Pick<WatchUpdate, 'run' | 'workers' | 'stalls' | 'concerns'> {
    const { view } = this.#parts.scheduler;
    return {
      run: this.#run(),
      workers: watchedWorkers(view, this.#timeline.all()),
      stalls: this.#ending ? [] : watchedStalls(view),
      concerns: this.#parts.balance.concerns.map(({ cause, remedy }) => ({ cause, remedy })),
    };
  }

  #remember(line: MetricsLine): void {
    this.#last = line;
    this.#history.add(line);
    this.#metrics.push(line);
  }

  #computedBy(numericClass: string): void {
    if (this.#numericClasses.size < NUMERIC_CLASSES) this.#numericClasses.add(numericClass);
  }

  #run(): WatchedRun {
    const { name, config, plan, reports } = this.#parts;
    const step = this.lastStep;
    const steps = totalSteps(plan);
    const averageImagesPerSecond = this.#ms > 0 ? (this.#images * 1000) / this.#ms : 0;
    const imagesLeft = step < steps ? plan.epochs * plan.images - imagesAfter(step, plan) : 0;
    const ending = this.#ending;
    return {
      name,
      state: this.#state(),
      ...(ending?.state === 'failed' && { failure: ending.failure }),
      ...(ending?.state === 'finished' && { weightsDigest: ending.weightsDigest }),
      step,
      totalSteps: steps,
      epoch: epochsAfter(step, plan),
      epochs: plan.epochs,
      stepsPerEpoch: stepsPerEpoch(plan),
      images: plan.images,
      batch: plan.batch,
      shardSize: plan.shardSize,
      seed: config.seed,
      localSteps: config.localSteps,
      localStepsFrom: config.localStepsFrom,
      wire: config.wire,
      stepsUnderWay: stepsUnderWay(this.#parts.scheduler.view),
      reports,
      imagesPerSecond: this.#last?.imagesPerSecond ?? 0,
      averageImagesPerSecond,
      etaSeconds: averageImagesPerSecond > 0 ? imagesLeft / averageImagesPerSecond : null,
      numericClasses: [...this.#numericClasses],
      join: this.#join,
    };
  }

  #state(): RunState {
    const { control, scheduler } = this.#parts;
    if (this.#ending) return this.#ending.state;
    if (control.stopping) return 'stopping';
    if (control.paused) return 'paused';
    return scheduler.workers.length === 0 ? 'waiting' : 'training';
  }
}

async function evaluationsIn(directory: RunDirectory): Promise<Ring<EpochEvaluation>> {
  const evaluations = new Ring<EpochEvaluation>(EVALUATIONS);
  for await (const line of directory.evaluations()) evaluations.push(line);
  return evaluations;
}

import {
  GRADIENT_NORM_CHART,
  epochsAfter,
  stepsPerEpoch,
  terminalLine,
  totalSteps,
  type DataPlan,
  type EpochEvaluation,
  type Report,
  type StepMetrics,
} from '@gantry/core';
import { Presets, SingleBar } from 'cli-progress';
import type { RunUpdate } from './api/updates.ts';

type UpdateOf<Type extends RunUpdate['type']> = Extract<RunUpdate, { type: Type }>;

/** Without a terminal, one line about the steps at most this often. */
const LINE_INTERVAL_MS = 10_000;

/** Chart by chart, as the dashboard has them, without the norms of the gradients. */
function describe(reports: readonly Report[], metrics: StepMetrics, imagesPerSecond: number): string {
  const ofModel = reports.filter(({ chart }) => chart !== GRADIENT_NORM_CHART);
  const charts = [...new Set(ofModel.map(({ chart }) => chart))].map((chart) => {
    const values = ofModel
      .filter((report) => report.chart === chart)
      .map(({ name, label }) => `${label} ${(metrics[name] ?? NaN).toFixed(3)}`);
    return `${chart.toLowerCase()}: ${values.join(' ')}`;
  });
  return [...charts, `${imagesPerSecond.toFixed(0)} images/s`].join(', ');
}

function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`;
}

/** What is trained, and where the plan asks for more than there is: a line each. */
function planLines(plan: DataPlan): string[] {
  const { images, epochs, shardSize } = plan;
  const batch = Math.min(plan.batch, images);
  const steps = counted(stepsPerEpoch(plan), 'step');
  const shards = shardSize < batch ? `in shards of ${shardSize}` : 'in one shard';
  const lines = [`${images} images, ${counted(epochs, 'epoch')} of ${steps}, global batch ${batch} ${shards}`];
  if (plan.batch > images) {
    lines.push(`a batch of ${plan.batch} is more than the ${images} images: each step takes all of them`);
  }
  if (shardSize > batch) {
    lines.push(`a shard of ${shardSize} is more than a batch of ${batch}: each step is one shard, for one worker`);
  }
  return lines;
}

/** How good an epoch's pictures are. */
function evaluationLine(evaluation: EpochEvaluation): string {
  const { epoch, frechetDistance, score, classEntropy, labelAgreement, slicedWassersteinDistance } = evaluation;
  const measures = [
    ['Fréchet distance', frechetDistance],
    ['score', score],
    ['class entropy', classEntropy],
    ['label agreement', labelAgreement],
    ['sliced Wasserstein distance', slicedWassersteinDistance],
  ] as const;
  const known = measures.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value.toPrecision(4)}`]));
  return `evaluated epoch ${epoch}: ${known.join(', ')}`;
}

/**
 * Shows a run on standard error: a progress bar on a terminal, plain lines otherwise. Standard output stays free for
 * `--json`.
 */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #bar: SingleBar | undefined;
  #plan: DataPlan | undefined;
  #reports: readonly Report[] = [];
  #description = '';
  #picture = '';
  #lastLine = performance.now();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    if (out.isTTY) {
      const format = 'epoch {epoch} {bar} step {value}/{total} | {description} | ETA {eta_formatted}';
      this.#bar = new SingleBar(
        { stream: out, format, etaBuffer: 50, hideCursor: true, barsize: 20 },
        Presets.shades_classic,
      );
    }
  }

  show(update: RunUpdate): void {
    switch (update.type) {
      case 'started':
        return this.#started(update);
      case 'step':
        return this.#stepped(update);
      case 'under-way':
        return this.#underWay(update);
      case 'samples':
        this.#picture = update.file;
        if (update.epoch === 0) this.#line(`samples before training: ${update.file}`);
        return;
      case 'epoch': {
        const { epoch, seconds } = update;
        const of = this.#plan?.epochs ?? '?';
        const parts = [`${seconds.toFixed(1)} s`, this.#description, this.#picture].filter(Boolean);
        return this.#line(`epoch ${epoch}/${of}: ${parts.join(', ')}`);
      }
      case 'evaluation':
        return this.#line(evaluationLine(update.evaluation));
      case 'event': {
        const text = terminalLine(update.event);
        if (text !== undefined) this.#line(text);
        return;
      }
      case 'notice':
        return this.#line(update.text);
    }
  }

  notice(text: string): void {
    this.#line(text);
  }

  #started({ step, plan, reports }: UpdateOf<'started'>): void {
    this.#plan = plan;
    this.#reports = reports;
    const [first = '', ...others] = planLines(plan);
    this.#line(step > 0 ? `${first}; going on after step ${step}` : first);
    for (const line of others) this.#line(line);
    this.#bar?.start(totalSteps(plan), step, { epoch: this.#epoch(step), description: 'starting' });
  }

  #stepped({ step, metrics, imagesPerSecond }: UpdateOf<'step'>): void {
    this.#description = describe(this.#reports, metrics, imagesPerSecond);
    if (this.#bar) {
      this.#bar.update(step, { epoch: this.#epoch(step - 1), description: this.#description });
    } else if (performance.now() - this.#lastLine >= LINE_INTERVAL_MS) {
      this.#lastLine = performance.now();
      const total = this.#plan ? totalSteps(this.#plan) : step;
      this.#line(`epoch ${this.#epoch(step - 1)}, step ${step}/${total}: ${this.#description}`);
    }
  }

  /** Between two exchanges, nothing is known but how far the workers are. */
  #underWay({ step, steps }: UpdateOf<'under-way'>): void {
    if (this.#bar) {
      this.#bar.update(step + Math.floor(steps), { epoch: this.#epoch(step), description: this.#description });
    } else if (performance.now() - this.#lastLine >= LINE_INTERVAL_MS) {
      this.#lastLine = performance.now();
      const total = this.#plan ? totalSteps(this.#plan) : step;
      this.#line(`epoch ${this.#epoch(step)}, step ${step}/${total}, ${Math.floor(steps)} more under way`);
    }
  }

  /** Takes the bar away; what follows on the terminal starts on a new line. */
  stop(): void {
    this.#bar?.stop();
  }

  #epoch(step: number): number {
    return this.#plan ? epochsAfter(step, this.#plan) + 1 : 1;
  }

  /** A line that stays, above the bar. */
  #line(text: string): void {
    if (this.#bar?.isActive) {
      // cli-progress draws on the current line: clear it, write, and let the bar draw itself again below.
      this.#out.clearLine(0);
      this.#out.cursorTo(0);
    }
    this.#out.write(`${text}\n`);
  }
}

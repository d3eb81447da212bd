import { isBetter, type EpochEvaluation, type Measures, type WeightAverage } from '@gantry/core';
import type { CheckpointStore } from '../storage/checkpoint-store.ts';
import { messageOf } from '../storage/durable-files.ts';
import type { RunDirectory } from '../storage/run-directory.ts';

/** Pictures that are judged after an epoch. */
const SAMPLES = 2000;

/** Evaluates a generator beside the steps. */
export interface GeneratorEvaluator {
  evaluate(numbers: WeightAverage, samples: number): Promise<Measures>;
  dispose(): Promise<void>;
}

export interface EpochEvaluationsParts {
  /** Epochs between two; 0: none. */
  readonly every: number;
  readonly evaluator: GeneratorEvaluator;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointStore;
  /** An epoch was evaluated; its line is written. */
  readonly evaluated: (line: EpochEvaluation) => void;
  readonly notice: (text: string) => void;
}

/**
 * The evaluations of a run, each beside the steps of the next epoch. No checkpoint of a later step is written before an epoch's
 * line is: a resumed run has the same lines as one that was never stopped.
 */
export class EpochEvaluations {
  readonly #parts: EpochEvaluationsParts;
  #pending: Promise<void> | undefined;
  #best: EpochEvaluation | undefined;
  /** The last epoch that was evaluated. */
  #last = 0;

  constructor(parts: EpochEvaluationsParts) {
    this.#parts = parts;
  }

  /** The best epoch so far. */
  get best(): EpochEvaluation | undefined {
    return this.#best;
  }

  /** Takes over what the run directory records. */
  async load(): Promise<void> {
    const { directory, checkpoints } = this.#parts;
    this.#best = undefined;
    this.#last = 0;
    const lines: EpochEvaluation[] = [];
    for await (const line of directory.evaluations()) {
      lines.push(line);
      this.#last = line.epoch;
      if (isBetter(line, this.#best)) this.#best = line;
    }
    if (this.#best) await checkpoints.keepBest(this.#best.step);
  }

  /** Whether an epoch that is done shall be evaluated, and was not. */
  isDue(epoch: number): boolean {
    const { every } = this.#parts;
    return every > 0 && epoch > this.#last && epoch % every === 0;
  }

  /** Begins to evaluate an epoch whose checkpoint is written. @param numbers are copied before this returns */
  begin(
    place: { readonly step: number; readonly epoch: number },
    { network, weights, statistics }: WeightAverage,
  ): void {
    this.#last = place.epoch;
    const numbers = { network, weights: weights.slice(), statistics: statistics.slice() };
    this.#pending = this.#evaluate(place, numbers);
    // Whoever waits is told.
    this.#pending.catch(() => undefined);
  }

  /** Waits for the evaluation under way. @throws GantryError E_RUN_DIRECTORY if it could not be recorded */
  async settled(): Promise<void> {
    await this.#pending;
    this.#pending = undefined;
  }

  async #evaluate(place: { readonly step: number; readonly epoch: number }, numbers: WeightAverage): Promise<void> {
    const { evaluator, directory, checkpoints, evaluated, notice } = this.#parts;
    let measures: Measures;
    try {
      measures = await evaluator.evaluate(numbers, SAMPLES);
    } catch (error) {
      notice(`epoch ${place.epoch} could not be evaluated: ${messageOf(error)}`);
      return;
    }
    const line = { ...place, ...measures };
    directory.appendEvaluation(line);
    if (isBetter(line, this.#best)) {
      this.#best = line;
      await checkpoints.keepBest(line.step);
    }
    evaluated(line);
  }
}

import type { Measures } from '@gantry/core';
import { judgeBy, type Judge, type JudgeSource } from './judge.ts';
import type { PictureEngine } from './picture-engines.ts';
import { PictureRenderer, type GeneratorNumbers, type PicturePlace } from './pictures/picture-renderer.ts';
import type { PictureSource } from './pictures/picture-source.ts';

/** What it takes to evaluate a generator, as data: it can be sent to another thread. */
export interface EvaluatorSource {
  readonly pictures: PictureSource;
  readonly judge: JudgeSource;
  readonly engine: PictureEngine;
}

/** Which evaluation. */
export interface EvaluationRequest {
  readonly numbers: GeneratorNumbers;
  readonly place: PicturePlace;
  readonly samples: number;
}

/** Draws pictures and judges them. Equal requests give equal bits. */
export class Evaluator {
  readonly #renderer: PictureRenderer;
  readonly #judge: Judge;
  readonly #classes: number | undefined;

  constructor({ pictures, judge, engine }: EvaluatorSource) {
    this.#renderer = new PictureRenderer(pictures, engine);
    this.#judge = judgeBy(judge, engine);
    this.#classes = pictures.classes;
  }

  /** @returns what fewer pictures come to where there are not as many real ones */
  evaluate({ numbers, place, samples: asked }: EvaluationRequest): Promise<Measures> {
    const samples = Math.min(asked, this.#judge.most);
    return this.#judge.judge(this.#renderer.renderInParts(numbers, place, samples), samples, this.#classes);
  }
}

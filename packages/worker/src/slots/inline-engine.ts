import type { GradientEngine, Program, Unit } from '@gantry/core';
import type { EngineHost } from './engine-host.ts';
import { PreparedInputs } from './prepared-inputs.ts';

/** An engine in the thread of its caller, where that has nothing else to do; it lives as long as its caller. */
export class InlineEngine implements EngineHost {
  readonly dead = false;
  readonly #engine: GradientEngine;
  #inputs: PreparedInputs | undefined;
  /** One call after another, in order: an engine is not reentrant. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(engine: GradientEngine) {
    this.#engine = engine;
  }

  load(program: Program): Promise<void> {
    return this.#next(() => {
      this.#inputs = new PreparedInputs(program);
      return this.#engine.load(program);
    });
  }

  setWeights(flat: Float32Array): Promise<void> {
    return this.#next(() => this.#engine.setWeights(flat));
  }

  prepare(shard: Unit): Promise<void> {
    return this.#next(() => this.#inputs?.prepare(shard));
  }

  gradients(shard: Unit, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    return this.#next(async () => {
      const inputs = this.#inputs;
      if (!inputs) throw new Error('no program is loaded');
      const taken = inputs.take(shard);
      const contribution = await this.#engine.gradients(taken, recycled);
      inputs.recycle(taken);
      return contribution;
    });
  }

  dispose(): Promise<void> {
    return this.#next(() => this.#engine.dispose());
  }

  #next<T>(call: () => T | Promise<T>): Promise<T> {
    const result = this.#previous.then(call);
    this.#previous = result.catch(() => undefined);
    return result;
  }
}

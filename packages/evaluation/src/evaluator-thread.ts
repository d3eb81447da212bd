import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import '@gantry/compiler/no-telemetry';
import { GantryError, type ErrorCode, type Measures } from '@gantry/core';
import type { EvaluationRequest, EvaluatorSource } from './evaluator.ts';

export type EvaluatorReply =
  { readonly measures: Measures } | { readonly error: { readonly code: ErrorCode; readonly message: string } };

/** An `Evaluator` in a thread of its own: evaluating takes seconds, and nobody waits for it. */
export class EvaluatorThread {
  readonly #thread: Worker;
  readonly #ended = new AbortController();

  constructor(workerData: EvaluatorSource) {
    // What the process was started with, such as how to read the text of -e, is not for this module.
    this.#thread = new Worker(new URL('./evaluator-thread-main.js', import.meta.url), { workerData, execArgv: [] });
    this.#thread.once('error', (cause) => this.#ended.abort(cause));
    this.#thread.once('exit', () => this.#ended.abort(new Error('its thread has ended')));
  }

  /** One evaluation at a time. @throws GantryError E_ENGINE if it cannot be computed */
  async evaluate(request: EvaluationRequest): Promise<Measures> {
    const { signal } = this.#ended;
    try {
      signal.throwIfAborted();
      this.#thread.postMessage(request);
      const [reply] = (await once(this.#thread, 'message', { signal })) as [EvaluatorReply];
      if ('measures' in reply) return reply.measures;
      throw new GantryError(reply.error.code, reply.error.message);
    } catch (cause) {
      if (cause instanceof GantryError) throw cause;
      const reason: unknown = signal.aborted ? signal.reason : cause;
      throw new GantryError('E_ENGINE', `the evaluation failed: ${String(reason)}`, { cause });
    }
  }

  async dispose(): Promise<void> {
    await this.#thread.terminate();
  }
}

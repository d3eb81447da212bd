import { parentPort, workerData } from 'node:worker_threads';
import { GantryError } from '@gantry/core';
import { Evaluator, type EvaluationRequest, type EvaluatorSource } from './evaluator.ts';
import type { EvaluatorReply } from './evaluator-thread.ts';

if (!parentPort) throw new Error('this module runs in a worker thread only');
const port = parentPort;
const evaluator = new Evaluator(workerData as EvaluatorSource);
port.on('message', (request: EvaluationRequest) => {
  void reply(request).then((answer) => port.postMessage(answer));
});

async function reply(request: EvaluationRequest): Promise<EvaluatorReply> {
  try {
    return { measures: await evaluator.evaluate(request) };
  } catch (error) {
    // Structured cloning would drop the code.
    const code = error instanceof GantryError ? error.code : 'E_ENGINE';
    return { error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}

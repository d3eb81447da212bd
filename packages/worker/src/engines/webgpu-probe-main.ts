import { openOnWebGpu } from './node-onnx.ts';

/** What the process that started this one is told: why there is no such GPU, or nothing of that. */
export interface WebGpuAnswer {
  readonly refusal: string | undefined;
}

if (!process.send) throw new Error('this module runs in a process of its own only');
const refusal = await openOnWebGpu().then(
  () => undefined,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);
const answer: WebGpuAnswer = { refusal };
process.send(answer);

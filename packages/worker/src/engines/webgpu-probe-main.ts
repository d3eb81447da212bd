import { openOnWebGpu } from './node-onnx.ts';
import type { WebGpuAnswer } from './webgpu-probe.ts';

if (!process.send) throw new Error('this module runs in a process of its own only');
const refusal = await openOnWebGpu().then(
  () => undefined,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);
const answer: WebGpuAnswer = { refusal };
process.send(answer);

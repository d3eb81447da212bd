import { OnnxEngine } from '@gantry/worker/portable';
import * as ort from 'onnxruntime-web';

/** The engine of a browser's tab without the browser: the same WebAssembly, by the library's build for Node. */
export function wasmEngine(): OnnxEngine {
  ort.env.wasm.numThreads = 1;
  return new OnnxEngine({
    Tensor: ort.Tensor,
    fillsOutputs: false,
    open: (onnx) => ort.InferenceSession.create(onnx, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' }),
  });
}

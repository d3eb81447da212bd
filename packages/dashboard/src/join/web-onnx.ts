import { GantryError } from '@gantry/core';
import type { OnnxRuntime } from '@gantry/worker/portable';
import type { TabDevice } from './messages.ts';

/** ONNX Runtime in a browser. One thread: how many there are decides in which order numbers are added. */
export async function webOnnx(device: TabDevice): Promise<OnnxRuntime> {
  const ort = await (device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'fatal';
  return {
    Tensor: ort.Tensor,
    fillsOutputs: false,
    open: async (onnx) => {
      try {
        return await ort.InferenceSession.create(onnx, { executionProviders: [device], logSeverityLevel: 4 });
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new GantryError('E_ENGINE', `this browser cannot compute on ${device}: ${why}`, { cause });
      }
    },
  };
}

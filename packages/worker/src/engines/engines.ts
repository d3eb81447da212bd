import type { GradientEngine } from '@gantry/core';
import type { Device } from './device.ts';
import type { EngineName } from './engine-names.ts';

/**
 * Loads only the engine that is asked for, so that a missing native library hurts nobody else.
 * @param device one that `prepareDevice` has found
 */
export async function createEngine(name: EngineName, device: Device = 'cpu'): Promise<GradientEngine> {
  switch (name) {
    case 'native':
      return new (await import('./native-engine.ts')).NativeEngine();
    case 'onnx': {
      const [{ OnnxEngine }, { nodeOnnx }] = await Promise.all([import('./onnx-engine.ts'), import('./node-onnx.ts')]);
      return new OnnxEngine(nodeOnnx(device));
    }
    case 'tensorflow':
      await (await import('./tensorflow.ts')).loadTensorflow(device);
      return new (await import('./tfjs-engine.ts')).TfjsEngine();
    case 'tfjs':
      return new (await import('./tfjs-engine.ts')).TfjsEngine();
  }
}

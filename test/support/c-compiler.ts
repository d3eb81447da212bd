import { prepareDevice } from '@gantry/worker';

const isThere = await prepareDevice('native', 'cpu').then(
  () => true,
  () => false,
);

/** Whether this machine can compile C, which the native engine needs. */
export const hasCCompiler = (): boolean => isThere;

/** The fast engines of CPUs that this machine has. */
export const CPU_ENGINES = isThere ? (['native', 'onnx'] as const) : (['onnx'] as const);

/** The engine of CPUs where none is asked for. */
export const DEFAULT_ENGINE = isThere ? 'native' : 'onnx';

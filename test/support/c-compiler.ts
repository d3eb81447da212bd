import { prepareDevice } from '@gantry/worker';

const isThere = await prepareDevice('native', 'cpu').then(
  () => true,
  () => false,
);

/** Whether this machine can compile C, which the native engine needs. */
export const hasCCompiler = (): boolean => isThere;

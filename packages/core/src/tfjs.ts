/** What takes tfjs to run. Apart from the rest, so that workers, which run compiled programs, need not load it. */
export {
  createModels,
  disposeModels,
  movingStatisticVariables,
  trainableVariables,
  type Models,
} from './model/model.ts';
export { manifestOf, modelManifest } from './model/describe-model.ts';
export type { ModelVariable } from './model/network-layers.ts';
export { trainingStep } from './model/training-step.ts';

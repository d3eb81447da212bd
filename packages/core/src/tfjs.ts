/** What takes tfjs to run. Apart from the rest, so that workers, which run compiled programs, need not load it. */
export {
  createModels,
  disposeModels,
  movingStatisticVariables,
  trainableVariables,
  type ModelVariable,
  type Models,
} from './model.ts';
export { manifestOf, parameterManifest } from './model-manifest.ts';
export { trainingStep } from './training-step.ts';

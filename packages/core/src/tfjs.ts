/** What takes tfjs to run. Apart from the rest, so that workers, which run compiled programs, need not load it. */
export { createModels, disposeModels, movingStatisticVariables, trainableVariables, type Models } from './model.ts';
export { manifestOf, modelManifest } from './model-manifest.ts';
export type { ModelVariable } from './network-layers.ts';
export { trainingStep } from './training-step.ts';

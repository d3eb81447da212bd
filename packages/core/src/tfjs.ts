/** What takes tfjs to run. Apart from the rest, so that workers, which run compiled programs, need not load it. */
import { enableProdMode } from '@tensorflow/tfjs-core';
// Plain JavaScript, so that variables can be made anywhere; engines choose where the mathematics runs.
import '@tensorflow/tfjs-backend-cpu';

export { conditioned } from './model/conditioned.ts';
export { manifestOf, modelVariables, reportsOf } from './model/describe-model.ts';
export {
  disposeModel,
  type DrawSpec,
  type Model,
  type Network,
  type NetworkInTraining,
  type Phase,
  type PhaseResult,
  type Preview,
  type Trainable,
} from './model/model.ts';
export { applyInTraining, variablesOf, type ModelVariable } from './model/network-layers.ts';
export { runPhase } from './model/run-phase.ts';

// Without it, tfjs advertises tfjs-node on the console.
enableProdMode();

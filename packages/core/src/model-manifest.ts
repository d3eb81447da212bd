import {
  disposeModels,
  createModels,
  movingStatisticVariables,
  trainableVariables,
  type Models,
  type ModelVariable,
} from './model.ts';
import { layOutManifest, type ParameterManifest } from './parameters.ts';

/** The manifest of the given models. */
export function manifestOf(models: Models): ParameterManifest {
  const shapesOf = (variables: readonly ModelVariable[]) =>
    variables.map(({ name, variable }) => ({ name, shape: variable.shape }));
  return layOutManifest(shapesOf(trainableVariables(models)), shapesOf(movingStatisticVariables(models)));
}

/** The manifest of freshly made models. */
export function parameterManifest(): ParameterManifest {
  const models = createModels();
  try {
    return manifestOf(models);
  } finally {
    disposeModels(models);
  }
}

import type { RecordedRun, StoredModel } from '@gantry/coordinator';
import type { BatchNorm } from '@gantry/core';
import { disposeModel, manifestOf, type Model } from '@gantry/core/tfjs';
import { pictureSource } from '@gantry/evaluation';

/**
 * How the pictures of a run are made: by what it keeps of its model, or by the model of that name.
 * @param batch pictures in one run of the programs, where they are not stored
 * @throws GantryError E_CONFIG if there is no model of that name
 */
export function picturesOf(
  { stored, model }: Pick<RecordedRun, 'stored' | 'model'>,
  models: (name: string) => Model,
  batch: number,
): StoredModel {
  return stored ?? shippedModel(model, models, batch);
}

/** The same of a model that is not stored. */
export function shippedModel(name: string, models: (name: string) => Model, batch: number): StoredModel {
  const withModel = <T>(use: (model: Model) => T): T => {
    const model = models(name);
    try {
      return use(model);
    } finally {
      disposeModel(model);
    }
  };
  return withModel((model) => ({
    manifest: manifestOf(model),
    network: model.preview.network,
    pictures: (batchNorm?: BatchNorm) => withModel((fresh) => pictureSource(fresh, batch, batchNorm)),
  }));
}

import { GantryError } from '@gantry/core';
import type { ModelManifest } from '@gantry/core';
import { disposeModel, manifestOf, type Model } from '@gantry/core/tfjs';
import { conditional } from './conditional.ts';
import { dcgan } from './dcgan.ts';
import { dcgan32 } from './dcgan32.ts';
import { MODEL_NAMES, type ModelName } from './names.ts';
import { tiny, tinyRgb } from './tiny.ts';
import { wganGp } from './wgan-gp.ts';

export type { Augmentation } from './augmentation.ts';
export { conditional } from './conditional.ts';
export { dcgan } from './dcgan.ts';
export { dcgan32 } from './dcgan32.ts';
export { Gan, defineGan, type FurtherNetwork, type GanDefinition } from './define-gan.ts';
export { diffAugment, type DiffAugment } from './diff-augment.ts';
export { gradientPenaltySteps, MIX, type GradientPenalty } from './gradient-penalty.ts';
export * from './losses.ts';
export { onePassStep, type GanLoss, type LogitLoss, type OnePassOptions } from './one-pass.ts';
export { MODEL_NAMES, type ModelName } from './names.ts';
export { tiny, tinyRgb } from './tiny.ts';
export { wganGp } from './wgan-gp.ts';

const MODELS: Readonly<Record<ModelName, () => Model>> = {
  dcgan,
  dcgan32,
  'wgan-gp': wganGp,
  conditional,
  tiny,
  'tiny-rgb': tinyRgb,
};

/** Whether a model of this name ships with Gantry. */
export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(MODELS, name);
}

/** A fresh instance of a model that ships with Gantry. @throws GantryError E_CONFIG if there is none of this name */
export function modelNamed(name: string): Model {
  if (isModelName(name)) return MODELS[name]();
  throw new GantryError(
    'E_CONFIG',
    `there is no model '${name}': expected ${MODEL_NAMES.join(', ')} or a file of your own, by --model ./my-gan.ts`,
  );
}

/** The manifest of a model that ships with Gantry. @throws GantryError E_CONFIG if there is none of this name */
export function modelManifest(name = 'dcgan'): ModelManifest {
  const model = modelNamed(name);
  try {
    return manifestOf(model);
  } finally {
    disposeModel(model);
  }
}

/** Names of the models that ship with Gantry; apart from these, since they take tfjs to load. */
export const MODEL_NAMES = ['dcgan', 'dcgan32', 'wgan-gp', 'conditional', 'tiny', 'tiny-rgb'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

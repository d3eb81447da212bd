/** The engines of this package by name; `tfjs` is the slow reference for tests and never a fallback. */
export const ENGINE_NAMES = ['native', 'onnx', 'tensorflow', 'tfjs'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

import type { GradientEngine } from '@gantry/core';

/** The engines of this package by name; `tfjs` is the slow reference for tests and never a fallback. */
export const ENGINE_NAMES = ['onnx', 'tfjs'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** Loads only the engine that is asked for, so that a missing native library hurts nobody else. */
export async function createEngine(name: EngineName): Promise<GradientEngine> {
  switch (name) {
    case 'onnx':
      return new (await import('./onnx-engine.ts')).OnnxEngine();
    case 'tfjs':
      return new (await import('./tfjs-engine.ts')).TfjsEngine();
  }
}

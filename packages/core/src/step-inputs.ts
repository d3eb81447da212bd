import { IMAGE_SIDE, MASK_1_SHAPE, MASK_2_SHAPE, NOISE_SIZE } from './dimensions.ts';

export type StepInputName = 'images' | 'noise' | 'mask1' | 'mask2';

/** The inputs of a step on B samples, by name. Masks hold the real samples first, then the fake ones. */
export function stepInputSpecs(samples: number): Record<StepInputName, { shape: number[]; dtype: 'float32' | 'bool' }> {
  return {
    images: { shape: [samples, IMAGE_SIDE, IMAGE_SIDE, 1], dtype: 'float32' },
    noise: { shape: [samples, NOISE_SIZE], dtype: 'float32' },
    mask1: { shape: [2 * samples, ...MASK_1_SHAPE], dtype: 'bool' },
    mask2: { shape: [2 * samples, ...MASK_2_SHAPE], dtype: 'bool' },
  };
}

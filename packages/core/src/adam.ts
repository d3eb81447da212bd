import { GantryError } from './errors.ts';
import { inBlocks, kernels } from './kernels.ts';

/** Adam as Keras defines it: Kingma and Ba (2015), with ε outside the bias correction ("epsilon hat" of their section 2). */
export const ADAM = { learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

export interface AdamState {
  /** First and second moments, laid out as the weights. */
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** β1ᵗ and β2ᵗ, kept as running products: `Math.pow` does not give the same bits on every engine. */
  beta1Power: number;
  beta2Power: number;
}

export function initialAdamState(size: number): AdamState {
  return { m: new Float32Array(size), v: new Float32Array(size), beta1Power: 1, beta2Power: 1 };
}

/**
 * One Adam step, in place and in float32, as Keras computes it.
 * @param scale multiplies the gradient first: 1/N turns a sum over N samples into their mean
 * @throws GantryError E_BAD_SHAPE if there are more or fewer gradients or moments than weights
 */
export function adamStep(weights: Float32Array, gradientSum: Float32Array, scale: number, state: AdamState): void {
  const { m, v } = state;
  if (![gradientSum, m, v].every(({ length }) => length === weights.length)) {
    throw new GantryError('E_BAD_SHAPE', `gradients or moments are not as many as the ${weights.length} weights`);
  }
  const { beta1, beta2, epsilon, learningRate } = ADAM;
  state.beta1Power *= beta1;
  state.beta2Power *= beta2;
  const rate = (learningRate * Math.sqrt(1 - state.beta2Power)) / (1 - state.beta1Power);
  const kernel = kernels();
  inBlocks(weights.length, (begin, end) => {
    const length = end - begin;
    kernel.a.set(weights.subarray(begin, end));
    kernel.b.set(gradientSum.subarray(begin, end));
    kernel.c.set(m.subarray(begin, end));
    kernel.d.set(v.subarray(begin, end));
    kernel.adam(length, scale, rate, 1 - beta1, 1 - beta2, epsilon);
    weights.set(kernel.a.subarray(0, length), begin);
    m.set(kernel.c.subarray(0, length), begin);
    v.set(kernel.d.subarray(0, length), begin);
  });
}

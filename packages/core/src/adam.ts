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
 * One Adam step, in place.
 * @param scale multiplies the gradient first: 1/N turns a sum over N samples into their mean
 */
export function adamStep(weights: Float32Array, gradientSum: Float32Array, scale: number, state: AdamState): void {
  const { m, v } = state;
  const { beta1, beta2, epsilon, learningRate } = ADAM;
  state.beta1Power *= beta1;
  state.beta2Power *= beta2;
  const rate = (learningRate * Math.sqrt(1 - state.beta2Power)) / (1 - state.beta1Power);
  for (let i = 0; i < weights.length; i++) {
    const g = (gradientSum[i] as number) * scale;
    const mi = m[i] as number;
    const vi = v[i] as number;
    const mNext = mi + (g - mi) * (1 - beta1);
    const vNext = vi + (g * g - vi) * (1 - beta2);
    m[i] = mNext;
    v[i] = vNext;
    weights[i] = (weights[i] as number) - (rate * mNext) / (Math.sqrt(vNext) + epsilon);
  }
}

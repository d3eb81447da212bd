/** Pictures of one size: [count, height, width, channels], values in [−1, 1], −1 = black; 1 channel is grey, 3 are colours. */
export interface Pictures {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

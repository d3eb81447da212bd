/** Sizes of MNIST's images and of the tutorial's noise, for code that has no need of the networks themselves. */

export const NOISE_SIZE = 100;
export const IMAGE_SIDE = 28;
export const IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE;

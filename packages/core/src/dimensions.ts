/** Sizes and rates of the networks, for code that has no need of the networks themselves. */

export const NOISE_SIZE = 100;
export const IMAGE_SIDE = 28;
export const IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE;
export const BATCH_NORM_MOMENTUM = 0.99;
export const DROPOUT_RATE = 0.3;
/** Feature maps behind the discriminator's two convolutions, [height, width, channels]: the shapes of the dropout masks. */
export const MASK_1_SHAPE = [14, 14, 64] as const;
export const MASK_2_SHAPE = [7, 7, 128] as const;

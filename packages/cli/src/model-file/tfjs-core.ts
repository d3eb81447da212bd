/** What model files get for `@tensorflow/tfjs-core`: the instance that the product runs with. */
export * from '@tensorflow/tfjs-core';

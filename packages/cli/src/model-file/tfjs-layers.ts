/** What model files get for `@tensorflow/tfjs-layers`: the instance that the product runs with. */
export * from '@tensorflow/tfjs-layers';

import { activationKernels } from './activation.ts';
import { depthwiseKernels } from './depthwise.ts';
import { embeddingKernels } from './embedding.ts';
import type { KernelTable } from './kernel.ts';
import { networkKernels } from './network.ts';
import { pointwiseKernels } from './pointwise.ts';
import { poolingKernels } from './pooling.ts';
import { reductionKernels } from './reduction.ts';
import { resizeKernels } from './resize.ts';
import { shapeKernels } from './shape.ts';

/** Every tfjs kernel that the compiler translates, by its name in tfjs-core. */
export const kernelTable: KernelTable = {
  ...pointwiseKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...networkKernels,
  ...activationKernels,
  ...poolingKernels,
  ...resizeKernels,
  ...depthwiseKernels,
  ...embeddingKernels,
};

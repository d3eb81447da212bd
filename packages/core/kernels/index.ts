/** Loops over millions of numbers, in AssemblyScript with SIMD: JavaScript takes several times as long for them. */
export { A, B, BLOCK_BYTES, C, D } from './buffers';
export { adam } from './adam';
export { checksumBegin, checksumEnd, checksumStripes } from './checksum';
export { addScaled, addScaledToRoots, differences, differencesOfRoots, roots, squares } from './differences';
export { keepMask } from './dropout';
export { sgd, sgdMomentum } from './sgd';
export { LEAF_BYTES, LEAVES, sumInt8 } from './tree';
export { add, allWithin, sumOfSquares } from './vectors';
export { decodeBfloat16, decodeInt8, encodeBfloat16, encodeInt8, encodeInt8Stochastic } from './wire';

import { kernels } from '../numerics/kernels.ts';

/** What the kernel takes at a time. */
const STRIPE_BYTES = 32;

/** XXH64 with seed 0 (https://xxhash.com) of all parts, one after the other, 4 GiB at most. It finds damage, not attack. */
export function checksum(...parts: readonly Uint8Array[]): bigint {
  const kernel = kernels();
  const { bytes } = kernel;
  let filled = 0;
  let total = 0;
  kernel.checksumBegin();
  for (const part of parts) {
    total += part.length;
    for (let at = 0; at < part.length;) {
      const piece = part.subarray(at, at + bytes.length - filled);
      bytes.set(piece, filled);
      at += piece.length;
      filled += piece.length;
      if (filled < bytes.length) break;
      kernel.checksumStripes(filled);
      filled = 0;
    }
  }
  const rest = filled % STRIPE_BYTES;
  kernel.checksumStripes(filled - rest);
  return BigInt.asUintN(64, kernel.checksumEnd(filled - rest, rest, total));
}

import { kernels } from '../numerics/kernels.ts';

/** What the kernel takes at a time. */
const STRIPE_BYTES = 32;

/** XXH64 with seed 0 (https://xxhash.com) of all parts, one after the other, 4 GiB at most. It finds damage, not attack. */
export function checksum(...parts: readonly Uint8Array[]): bigint {
  const { bytes, checksumBegin, checksumStripes, checksumEnd } = kernels();
  let filled = 0;
  let total = 0;
  checksumBegin();
  for (const part of parts) {
    total += part.length;
    for (let at = 0; at < part.length;) {
      const piece = part.subarray(at, at + bytes.length - filled);
      bytes.set(piece, filled);
      at += piece.length;
      filled += piece.length;
      if (filled < bytes.length) break;
      checksumStripes(filled);
      filled = 0;
    }
  }
  const rest = filled % STRIPE_BYTES;
  checksumStripes(filled - rest);
  return BigInt.asUintN(64, checksumEnd(filled - rest, rest, total));
}

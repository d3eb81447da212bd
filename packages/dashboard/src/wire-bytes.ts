import type { WatchedWorker } from '@gantry/core';

/** What an image costs on the wire, in bytes; a mean over all images that were learned from. */
export interface WireBytes {
  readonly fromWorkers: number;
  /** Without the images themselves, which a worker may keep. */
  readonly toWorkers: number;
  readonly images: number;
}

type Counters = Pick<WatchedWorker, 'samples' | 'bytesIn' | 'bytesOut' | 'imageBytes'>;

/** Of all workers since they joined, those that left included; undefined before the first result. */
export function wireBytesPerImage(workers: readonly Counters[]): WireBytes | undefined {
  const sum = (of: (worker: Counters) => number) => workers.reduce((total, worker) => total + of(worker), 0);
  const samples = sum((worker) => worker.samples);
  if (samples === 0) return undefined;
  return {
    fromWorkers: sum(({ bytesIn }) => bytesIn) / samples,
    toWorkers: sum(({ bytesOut, imageBytes }) => Math.max(0, bytesOut - imageBytes)) / samples,
    images: sum(({ imageBytes }) => imageBytes) / samples,
  };
}

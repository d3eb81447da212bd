import { IMAGE_PIXELS, shardInputs, type ShardWork } from '@gantry/core';
import { modelManifest } from '@gantry/core/tfjs';
import { describe, expect, it } from 'vitest';
import { PreparedInputs } from './prepared-inputs.ts';

const SEED = 7;
const manifest = modelManifest();

function shard(step: number, first: number, brightness = 1, samples = 2): ShardWork {
  const images = Uint8Array.from({ length: samples * IMAGE_PIXELS }, (_, i) => Math.imul(i, brightness));
  return { step, index: first / samples, first, samples, images };
}

describe('PreparedInputs', () => {
  it('gives the same bits for what was built ahead and what was not, in new memory and in old', () => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (let first = 0; first < 12; first += 2) inputs.prepare(shard(3, first));
    for (let first = 0; first < 12; first += 2) {
      for (let time = 0; time < 2; time++) {
        const taken = inputs.take(shard(3, first));
        expect(taken).toEqual(shardInputs(shard(3, first), manifest, SEED));
        inputs.recycle(taken);
      }
    }
  });

  it('never mixes shards up that differ in step, place, size or images', () => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (const other of [shard(4, 2), shard(3, 4), shard(3, 2, 1, 3), shard(3, 2, 5)]) {
      inputs.prepare(shard(3, 2));
      const taken = inputs.take(other);
      expect(taken).toEqual(shardInputs(other, manifest, SEED));
      inputs.recycle(taken);
    }
  });
});

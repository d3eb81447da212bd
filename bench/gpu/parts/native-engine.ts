import { spreadText, type Spread } from '@gantry/cli/bench';
import { gantryJson } from '../child.ts';
import { DATA_OPTION } from '../data.ts';
import type { Finding } from '../part.ts';

const NATIVE_SHARD_SIZE = 64;
const NATIVE_ROUNDS = 5;

interface StepFigures {
  readonly shardSize: number;
  readonly gradientMs: Spread;
  readonly gradientImagesPerSecond: Spread;
  readonly imagesPerSecond: Spread;
}

export async function benchStep(
  sizes: readonly number[],
  rounds: number,
  ...options: string[]
): Promise<readonly StepFigures[]> {
  const args = ['--shard-size', sizes.join(), '--rounds', `${rounds}`, ...DATA_OPTION];
  return (await gantryJson<{ results: StepFigures[] }>('bench', 'step', ...args, ...options)).results;
}

/** Machine code on one core of the CPU. */
export async function* nativeEngine(): AsyncGenerator<Finding> {
  for (const figures of await benchStep([NATIVE_SHARD_SIZE], NATIVE_ROUNDS, '--engine', 'native')) {
    const { gradientImagesPerSecond, gradientMs, imagesPerSecond } = figures;
    const texts = [
      `${spreadText(gradientImagesPerSecond)} images/s`,
      `${spreadText(gradientMs)} ms a shard`,
      `${spreadText(imagesPerSecond)} images/s with the optimizer`,
    ];
    yield { what: `one thread, shards of ${NATIVE_SHARD_SIZE}`, result: texts.join('; '), figures };
  }
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digits, median, temporaryDirectory } from '@gantry/cli/bench';
import type { MetricsLine, RunJson } from '@gantry/coordinator';
import { gantryJson } from '../child.ts';
import { DATA_OPTION } from '../data.ts';
import type { Effort, Finding } from '../part.ts';

const SEED = 7;
/** The first ones, in which programs are opened and workers come one by one, are left out where there are more. */
const WARM_UP_STEPS = 4;

interface Trained {
  readonly weightsDigest: string;
  readonly images: number;
}

/** `gantry train` with workers that share the GPU: speed, where the time goes, and whether all runs have the same bits. */
export async function* training({ workers, training: plan, trainOptions }: Effort): AsyncGenerator<Finding> {
  const digests: string[] = [];
  /** The first run measures in which form convolutions are computed: the others take it, or their bits would differ. */
  let form: readonly string[] = [];
  for (const count of workers) {
    const run = join(temporaryDirectory(), 'run');
    const sizes = [
      '--batch',
      plan.batch,
      '--shard-size',
      plan.shardSize,
      '--limit',
      plan.limit,
      '--epochs',
      plan.epochs,
    ];
    const options = [
      '--workers',
      count,
      '--device',
      'webgpu',
      '--seed',
      SEED,
      '--run',
      run,
      '--exit',
      ...form,
      ...sizes,
    ].map(String);
    const { weightsDigest } = await gantryJson<Trained>('train', ...options, ...DATA_OPTION, ...trainOptions);
    digests.push(weightsDigest);
    const { convolutions } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as RunJson;
    const measured = convolutions?.['webgpu'];
    if (measured) form = ['--convolutions', measured];
    const all = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const steps = all
      .slice(all.length > WARM_UP_STEPS ? WARM_UP_STEPS : 0)
      .map((line) => JSON.parse(line) as MetricsLine);
    const rate = median(steps.map(({ imagesPerSecond }) => imagesPerSecond));
    const phases = Object.keys(steps[0]?.ms ?? {}) as (keyof MetricsLine['ms'])[];
    const ms = Object.fromEntries(phases.map((phase) => [phase, median(steps.map((step) => step.ms[phase]))]));
    yield {
      what: `${count} worker${count === 1 ? '' : 's'}, batch ${plan.batch} in shards of ${plan.shardSize}`,
      result: `${digits(rate)} images/s; ms: ${phases.map((phase) => `${phase} ${digits(ms[phase] ?? NaN)}`).join(', ')}`,
      figures: { workers: count, ...plan, form, steps, weightsDigest },
    };
  }
  const isOne = new Set(digests).size === 1;
  yield {
    what: `${digests.length} runs`,
    result: isOne
      ? `one digest, ${digests[0]?.slice(0, 16)}…`
      : `digests DIFFER: ${digests.map((each) => each.slice(0, 16)).join(', ')}`,
    figures: { digests, isOne },
  };
}

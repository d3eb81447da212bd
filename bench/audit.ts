/**
 * What audits cost: the speed of two workers at different shares of audited units:
 *
 *     npm run bench:audit        writes bench/results/audit.json
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, digits, spread, spreadText, table, temporaryDirectory } from '@gantry/cli/bench';
import type { MetricsLine } from '@gantry/coordinator';
import { Gantry, killAll } from '../test/support/gantry-process.ts';
import { readJsonLines } from '../test/support/run-files.ts';

/** 0 is without audits: units travel in sums. */
const RATES = [0, 0.02, 0.1, 1] as const;
const ROUNDS = 3;
const BATCH = 256;
const RUN = ['--epochs', '1', '--limit', '5120', '--batch', String(BATCH), '--shard-size', '64', '--workers', '2'];

process.on('exit', killAll);

/** @returns images per second, over all steps */
async function speedAt(rate: number): Promise<number> {
  const run = join(temporaryDirectory(), 'run');
  const audit = rate > 0 ? ['--audit', String(rate)] : [];
  const { code, stderr } = await new Gantry(['train', ...RUN, ...audit, '--run', run, '--exit']).finished;
  if (code !== 0) throw new Error(stderr);
  const steps = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
  const seconds = steps.reduce((sum, { ms }) => sum + ms.total, 0) / 1000;
  return (BATCH * steps.length) / seconds;
}

const machine = describeMachine();
const speeds = new Map<number, number[]>(RATES.map((rate) => [rate, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const rate of RATES) speeds.get(rate)?.push(await speedAt(rate));
}
const results = RATES.map((rate) => ({ rate, imagesPerSecond: spread(speeds.get(rate) ?? []) }));
const without = results[0]?.imagesPerSecond.median ?? NaN;
const rows = results.map(({ rate, imagesPerSecond }) => [
  rate === 0 ? 'none' : `${rate}`,
  spreadText(imagesPerSecond),
  (imagesPerSecond.median / without).toFixed(2),
]);
console.log(
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${digits(machine.loadBefore)}\n`,
);
console.log(table(['audited', 'images/s, median (range)', 'of without'], rows));
writeFileSync(
  new URL('results/audit.json', import.meta.url),
  `${JSON.stringify({ machine, rounds: ROUNDS, results }, undefined, 2)}\n`,
);

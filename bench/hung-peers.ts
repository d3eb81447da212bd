/**
 * What workers that hang cost: the speed of one honest worker beside so many that answer pings and never a shard:
 *
 *     npm run bench:hung-peers        writes bench/results/hung-peers.json
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, digits, spread, spreadText, table, temporaryDirectory } from '@gantry/cli/bench';
import type { MetricsLine } from '@gantry/coordinator';
import { Dashboard } from '../test/support/dashboard.ts';
import { Gantry, killAll } from '../test/support/gantry-process.ts';
import { HostilePeer } from '../test/support/hostile-peer.ts';
import { readJsonLines, readToken } from '../test/support/run-files.ts';

const COUNTS = [0, 1, 2, 5, 30] as const;
const ROUNDS = 3;
const RUN = ['--epochs', '1', '--limit', '5120', '--batch', '256', '--shard-size', '64', '--seed', '7'];

process.on('exit', killAll);

/** @returns images per second, from the first step to the last */
async function speedBeside(count: number): Promise<number> {
  const run = join(temporaryDirectory(), 'run');
  const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', run, '--exit']);
  const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
  const dashboard = await Dashboard.of(coordinator);
  await dashboard.control({ action: 'pause' });
  const honest = new Gantry(['worker', url, '--threads', '1']);
  const target = { url, token: readToken(run) };
  await Promise.all(Array.from({ length: count }, (_, i) => HostilePeer.join(target, `hung ${i}`)));
  await dashboard.watch().until(({ workers }) => workers.length === count + 1);
  await dashboard.control({ action: 'resume' });
  await coordinator.finished;
  await honest.finished;
  const steps = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
  const seconds = steps.reduce((sum, { ms }) => sum + ms.total, 0) / 1000;
  return (256 * steps.length) / seconds;
}

const machine = describeMachine();
const speeds = new Map<number, number[]>(COUNTS.map((count) => [count, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const count of COUNTS) speeds.get(count)?.push(await speedBeside(count));
}
const results = COUNTS.map((count) => ({ hung: count, imagesPerSecond: spread(speeds.get(count) ?? []) }));
const alone = results[0]?.imagesPerSecond.median ?? NaN;
const rows = results.map(({ hung, imagesPerSecond }) => [
  `${hung}`,
  spreadText(imagesPerSecond),
  (imagesPerSecond.median / alone).toFixed(2),
]);
console.log(
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${digits(machine.loadBefore)}\n`,
);
console.log(table(['hung', 'images/s, median (range)', 'of alone'], rows));
writeFileSync(
  new URL('results/hung-peers.json', import.meta.url),
  `${JSON.stringify({ machine, rounds: ROUNDS, results }, undefined, 2)}\n`,
);

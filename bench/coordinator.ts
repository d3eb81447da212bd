/**
 * The coordinator alone: how fast it goes round with workers that answer at once, and where the star therefore saturates.
 *
 *     npm run bench:coordinator           all points twice, in turn; writes bench/results/coordinator.json
 *     npm run bench:coordinator -- quick  a few steps of each, once; writes nothing
 */
import { writeFileSync } from 'node:fs';
import { leafLayout, parameterManifest } from '@gantry/core';
import { describeMachine } from './support/machine.ts';
import { saturationTable } from './support/saturation.ts';
import { SHARD_SIZE, visit, type Point, type Visit } from './support/star-point.ts';
import { fitStar, predictMs } from './support/star-model.ts';
import { digits, median, spread, table } from './support/statistics.ts';

const quick = process.argv.includes('quick');
const ROUNDS = quick ? 1 : 2;
const PATIENCE = quick ? { steps: 2, ms: 0 } : { steps: 5, ms: 1500 };

const plain = { delayMs: 0, masked: false };
/** One shard for each worker, and sixteen shards over fewer workers: only both together tell leaves from workers. */
const FITTED: readonly Point[] = [
  ...[1, 2, 4, 8, 16, 32, 64].map((workers) => ({ workers, leaves: workers, ...plain })),
  ...[1, 2, 4, 8].map((workers) => ({ workers, leaves: 16, ...plain })),
];
/** What the fit has not seen: workers that take a while. */
const CHECKED: readonly Point[] = [
  { workers: 4, leaves: 4, delayMs: 200, masked: false },
  { workers: 16, leaves: 16, delayMs: 200, masked: false },
];
const MASKED: Point = { workers: 16, leaves: 16, delayMs: 0, masked: true };
const POINTS = [...FITTED, ...CHECKED, MASKED];

/** The figures of the visit that was disturbed least by whatever else ran on the machine. */
function calmest(visits: readonly Visit[]) {
  const [calm] = visits.toSorted((a, b) => a.stolen - b.stolen);
  if (!calm) return [];
  const { stepMs: steps, ...rest } = calm;
  const { low, high } = spread(steps);
  return [{ steps: steps.length, stepMs: median(steps), lowMs: low, highMs: high, ...rest }];
}

const machine = describeMachine();
const failures: string[] = [];
const visits = new Map(POINTS.map((point): [Point, Visit[]] => [point, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const point of POINTS) {
    const where = `round ${round + 1}/${ROUNDS}, ${point.workers} workers, ${point.leaves} shards`;
    try {
      visits.get(point)?.push(await visit(point, PATIENCE));
      console.error(where);
    } catch (error) {
      // A coordinator that cannot keep up loses workers: that is a result, too, and no reason to lose the others.
      failures.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
      console.error(failures.at(-1));
    }
  }
}

const manifest = parameterManifest();
const bytes = { leaf: leafLayout(manifest).length * 4, weights: manifest.trainableSize * 4 };
const measured = POINTS.flatMap((point) => calmest(visits.get(point) ?? []).map((calm) => ({ ...point, ...calm })));
const fitted = measured.filter(({ masked, delayMs }) => !masked && delayMs === 0);
const isAsMasked = ({ workers, leaves }: Point) => workers === MASKED.workers && leaves === MASKED.leaves;
const maskedMs = measured.find(({ masked }) => masked)?.eventLoopMs ?? NaN;
const unmaskedMs = fitted.find(isAsMasked)?.eventLoopMs ?? NaN;
const model = {
  ...fitStar(fitted),
  /** What unmasking adds for each leaf. */
  unmask: Math.max(0, (maskedMs - unmaskedMs) / MASKED.leaves),
};

const rows = measured.map((each) => {
  const { workers, leaves, delayMs, masked, stepMs, lowMs, highMs } = each;
  const perSecond = (count: number) => digits((count / 1e6 / stepMs) * 1000);
  const predicted = predictMs(model, each) + (masked ? model.unmask * leaves : 0);
  return [
    `${workers}`,
    `${leaves}`,
    [delayMs > 0 ? `${delayMs} ms` : 'at once', ...(masked ? ['masked'] : [])].join(', '),
    `${digits(stepMs)} (${digits(lowMs)}–${digits(highMs)})`,
    digits(each.eventLoopMs),
    digits(predicted),
    digits(1000 / stepMs),
    perSecond(leaves * bytes.leaf),
    perSecond(workers * bytes.weights),
    ...[each.coordinatorCpu, each.eventLoop, each.loadCpu, each.stolen].map((share) => `${(share * 100).toFixed(0)}%`),
  ];
});

console.log(
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore.toFixed(1)}; ` +
    `shards of ${SHARD_SIZE} images, leaves of ${digits(bytes.leaf / 1e6)} MB, weights of ${digits(bytes.weights / 1e6)} MB\n`,
);
const head =
  'workers|leaves|answers|ms a step, median (range)|event loop ms|model|steps/s|MB/s in|MB/s out|coordinator CPU|event loop CPU|load CPU|waiting for a core';
console.log(table(head.split('|'), rows));
console.log(
  `\nevent loop ms = ${digits(model.base)} + ${digits(model.leaf)} × leaves + ${digits(model.worker)} × workers, ` +
    `and ${digits(model.unmask)} more for a masked leaf\n`,
);
console.log(saturationTable(model, model.unmask, bytes));
for (const failure of failures) console.log(`failed: ${failure}`);
const spoilt = measured.filter(({ duplicated }) => duplicated > 0);
for (const { workers, leaves } of spoilt) console.log(`spoilt by duplicates: ${workers} workers, ${leaves} leaves`);

if (!quick) {
  const file = new URL('results/coordinator.json', import.meta.url);
  const results = { machine, shardSize: SHARD_SIZE, rounds: ROUNDS, bytes, model, points: measured, failures };
  writeFileSync(file, `${JSON.stringify(results, (_, value: unknown) => rounded(value), 2)}\n`);
}

function rounded(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

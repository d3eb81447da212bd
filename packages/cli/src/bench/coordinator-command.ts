import { Command, InvalidArgumentError } from 'commander';
import { GantryError } from '@gantry/core';
import { wholeNumber } from '../options/options.ts';
import { Report, progress } from './report.ts';
import { saturationTable } from './saturation.ts';
import {
  bytesOfStep,
  figuresOf,
  fitFigures,
  predictedMs,
  type Bytes,
  type PointFigures,
  type StarFigures,
} from './star-figures.ts';
import { SHARD_SIZE, visit, type Patience, type Point, type Visit } from './star-point.ts';
import { digits, spreadText } from './statistics.ts';

const AT_ONCE = { delayMs: 0, masked: false };
/** One shard for each worker, and more shards than workers: only both together tell leaves from workers. */
const QUICK_POINTS: readonly Point[] = [
  ...[1, 4, 16].map((workers) => ({ workers, leaves: workers, ...AT_ONCE })),
  { workers: 4, leaves: 16, ...AT_ONCE },
];
const FULL_POINTS: readonly Point[] = [
  ...[1, 2, 4, 8, 16, 32, 64].map((workers) => ({ workers, leaves: workers, ...AT_ONCE })),
  ...[1, 2, 4, 8].map((workers) => ({ workers, leaves: 16, ...AT_ONCE })),
  // What the fit has not seen: workers that take a while.
  { workers: 4, leaves: 4, delayMs: 200, masked: false },
  { workers: 16, leaves: 16, delayMs: 200, masked: false },
  { workers: 16, leaves: 16, delayMs: 0, masked: true },
];
const QUICK: Patience = { steps: 5, ms: 500 };
const FULL: Patience = { steps: 5, ms: 1500 };
const FULL_ROUNDS = 2;
const MAX_WORKERS = 1000;
/** In shards of this size, a step with more would use more images than there are. */
const MAX_LEAVES = Math.floor(60_000 / SHARD_SIZE);
const METHOD =
  'One gantry coordinator and workers that speak the protocol on loopback and answer without computing, all in one other ' +
  `process; shards of ${SHARD_SIZE} images. Of all visits to a point, the one whose event loop waited least for a core ` +
  'counts. Medians (ranges) over its steps.';

interface CoordinatorFlags {
  readonly points?: Point[];
  readonly delay?: number;
  readonly masked?: boolean;
  readonly full?: boolean;
  readonly rounds?: number;
  readonly json?: boolean;
}

export function coordinatorCommand(): Command {
  return new Command('coordinator')
    .description('how fast the coordinator goes round, and how many workers it can feed (Linux): half a minute')
    .option(
      '--points <list>',
      'WORKERS or WORKERS:SHARDS per step, with commas between (default: 1,4,16,4:16)',
      parsePoints,
    )
    .option('--delay <ms>', 'how long workers wait before they answer (default: 0)', wholeNumber(0, 60_000))
    .option('--masked', "mask the workers' frames, as beyond this machine without TLS")
    .option('--full', 'all points of the documentation, in a few minutes; not with the options above')
    .option('--rounds <n>', `visits to each point (default: 1; with --full ${FULL_ROUNDS})`, wholeNumber(1, 1000))
    .option('--json', 'print one JSON object on standard output, raw samples included')
    .action(run);
}

async function run(flags: CoordinatorFlags): Promise<void> {
  if (process.platform !== 'linux') {
    throw new GantryError('E_CONFIG', 'this benchmark reads the times of processes from /proc: it needs Linux');
  }
  const { full, json, rounds = full ? FULL_ROUNDS : 1 } = flags;
  const points = pointsOf(flags);
  const report = new Report('coordinator', METHOD);
  const { visits, failures } = await visitAll(points, full ? FULL : QUICK, rounds);
  const results = points.flatMap((point) => figuresOf(point, visits.get(point) ?? []) ?? []);
  const model = fitFigures(results);
  const bytes = await bytesOfStep();
  const tables = [
    { head: HEAD, rows: results.map((each) => rowOf(each, model, bytes)) },
    ...(model ? [saturationTable(model, bytes)] : []),
  ];
  const members = { shardSize: SHARD_SIZE, rounds, bytes, ...(model && { model }), results, failures };
  report.print(json, members, tables, linesOf(results, model, failures));
  if (results.length === 0) process.exitCode = 1;
}

function pointsOf({ points, delay, masked, full }: CoordinatorFlags): readonly Point[] {
  if (!full) {
    return (points ?? QUICK_POINTS).map((point) => ({ ...point, delayMs: delay ?? 0, masked: masked ?? false }));
  }
  if (points ?? delay ?? masked) {
    throw new GantryError('E_CONFIG', '--full chooses the points itself: leave out --points, --delay and --masked');
  }
  return FULL_POINTS;
}

function parsePoints(text: string): Point[] {
  return text.split(',').map((part) => {
    const [, workers, leaves = workers] = /^(\d{1,4})(?::(\d{1,4}))?$/.exec(part) ?? [];
    const point = { workers: Number(workers), leaves: Number(leaves), ...AT_ONCE };
    const isSound = point.workers >= 1 && point.workers <= MAX_WORKERS && point.leaves <= MAX_LEAVES;
    if (isSound && point.leaves >= point.workers) return point;
    throw new InvalidArgumentError(
      `Expected WORKERS or WORKERS:SHARDS, up to ${MAX_WORKERS} and ${MAX_LEAVES}, and a shard for each worker at least.`,
    );
  });
}

/** Rounds over all points: a machine whose speed drifts treats them alike. */
async function visitAll(points: readonly Point[], patience: Patience, rounds: number) {
  const visits = new Map(points.map((point): [Point, Visit[]] => [point, []]));
  const failures: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const point of points) {
      const where = `round ${round}/${rounds}, ${point.workers} workers, ${point.leaves} shards`;
      try {
        visits.get(point)?.push(await visit(point, patience));
        progress(where);
      } catch (error) {
        // A coordinator that cannot keep up loses workers: that is a result, too, and no reason to lose the others.
        const failure = `${where}: ${error instanceof Error ? error.message : String(error)}`;
        failures.push(failure);
        progress(failure);
      }
    }
  }
  return { visits, failures };
}

const HEAD =
  'workers|shards|answers|ms a step|event loop ms|model ms|steps/s|MB/s in|MB/s out|coordinator CPU|event loop CPU|load CPU|waiting for a core'.split(
    '|',
  );

function rowOf(point: PointFigures, model: StarFigures | undefined, bytes: Bytes): string[] {
  const { workers, leaves, delayMs, masked, stepMs, eventLoopMs } = point;
  const perSecond = (count: number) => digits((count / 1e6 / stepMs.median) * 1000);
  return [
    `${workers}`,
    `${leaves}`,
    [delayMs > 0 ? `${delayMs} ms` : 'at once', ...(masked ? ['masked'] : [])].join(', '),
    spreadText(stepMs),
    digits(eventLoopMs),
    model ? digits(predictedMs(model, point)) : '–',
    digits(1000 / stepMs.median),
    perSecond(leaves * bytes.leaf),
    perSecond(workers * bytes.weights),
    ...[point.coordinatorCpu, point.eventLoop, point.loadCpu, point.stolen].map(
      (share) => `${(share * 100).toFixed(0)}%`,
    ),
  ];
}

function linesOf(
  results: readonly PointFigures[],
  model: StarFigures | undefined,
  failures: readonly string[],
): string[] {
  const formula =
    model &&
    `event loop ms = ${digits(model.base)} + ${digits(model.leaf)} × shards + ${digits(model.worker)} × workers` +
      (model.unmask > 0 ? `, and ${digits(model.unmask)} more for a masked leaf` : '');
  const spoilt = results.filter(({ duplicated }) => duplicated > 0);
  return [
    ...(formula ? [formula] : []),
    ...failures.map((failure) => `failed: ${failure}`),
    ...spoilt.map(({ workers, leaves }) => `spoilt by duplicates: ${workers} workers, ${leaves} shards`),
  ];
}

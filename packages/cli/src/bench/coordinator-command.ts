import { Command, InvalidArgumentError, Option } from 'commander';
import { GantryError, MAX_LOCAL_STEPS, WIRES, type Wire } from '@gantry/core';
import { wholeNumber } from '../options/options.ts';
import { Report, progress } from './report.ts';
import { localStepsTable, saturationTable } from './saturation.ts';
import {
  figuresByKind,
  figuresOf,
  isOfKind,
  predictedMs,
  type KindFigures,
  type PointFigures,
} from './star-figures.ts';
import { DEVICE_SHARD_SIZE, SHARD_SIZE, visit, type Patience, type Point, type Visit } from './star-point.ts';
import { digits, spreadText } from './statistics.ts';

const AT_ONCE = { delayMs: 0, masked: false, localSteps: 1, wire: 'float32' } as const;
/** One shard for each worker, and more shards than workers: only both together tell leaves from workers. */
const QUICK_POINTS: readonly Point[] = [
  ...[1, 4, 16].map((workers) => ({ workers, leaves: workers, ...AT_ONCE })),
  { workers: 4, leaves: 16, ...AT_ONCE },
];
const FULL_POINTS: readonly Point[] = [
  ...[1, 2, 4, 8, 16, 32, 64].map((workers) => ({ workers, leaves: workers, ...AT_ONCE })),
  ...[1, 2, 4, 8].map((workers) => ({ workers, leaves: 16, ...AT_ONCE })),
  // What the fit has not seen: workers that take a while.
  { ...AT_ONCE, workers: 4, leaves: 4, delayMs: 200 },
  { ...AT_ONCE, workers: 16, leaves: 16, delayMs: 200 },
  { ...AT_ONCE, workers: 16, leaves: 16, masked: true },
];
/** What a round is. */
type RoundOf = Pick<Point, 'localSteps' | 'wire'>;

const FITTED: readonly RoundOf[] = [
  { localSteps: 1, wire: 'float32' },
  { localSteps: 1, wire: 'int8' },
  { localSteps: 32, wire: 'float32' },
  { localSteps: 32, wire: 'int8' },
];
/** What the model is fitted to, for each kind of round; and devices of these speeds, with a replica each. */
const LOCAL_POINTS: readonly Point[] = [
  ...FITTED.flatMap((kind) => [
    ...[1, 4, 16].map((workers) => ({ ...AT_ONCE, ...kind, workers, leaves: workers })),
    { ...AT_ONCE, ...kind, workers: 4, leaves: 16 },
  ]),
  ...devices({ localSteps: 1, wire: 'float32' }, 1000, [4, 16, 64]),
  ...devices({ localSteps: 1, wire: 'int8' }, 1000, [4, 16, 64]),
  ...devices({ localSteps: 8, wire: 'int8' }, 1000, [4, 16, 64]),
  ...devices({ localSteps: 32, wire: 'int8' }, 300, [64]),
  ...devices({ localSteps: 32, wire: 'int8' }, 1000, [1, 4, 16, 64]),
  ...devices({ localSteps: 32, wire: 'int8' }, 10_000, [4, 16, 64]),
  ...devices({ localSteps: 128, wire: 'int8' }, 1000, [64]),
  ...devices({ localSteps: 128, wire: 'int8' }, 10_000, [4, 16, 64]),
];
const QUICK: Patience = { rounds: 5, ms: 500 };
const FULL: Patience = { rounds: 5, ms: 1500 };
const FULL_ROUNDS = 2;
const MAX_WORKERS = 1000;
/** In shards of this size, a step with more would use more images than there are. */
const MAX_LEAVES = Math.floor(60_000 / SHARD_SIZE);
const METHOD =
  'One gantry coordinator and workers that speak the protocol on loopback and answer without computing, all in one other ' +
  `process; shards of ${SHARD_SIZE} images, with local steps of fewer. Devices are supposed to compute shards of ` +
  `${DEVICE_SHARD_SIZE}, a step after the other, and workers wait for as long. Of all visits to a point, the one whose ` +
  'event loop waited least for a core counts. Medians (ranges) over its rounds.';

/** Workers with a shard each that take as long for it as a device of so many images per second. */
function devices(kind: RoundOf, rate: number, counts: readonly number[]): Point[] {
  const delayMs = (kind.localSteps * DEVICE_SHARD_SIZE * 1000) / rate;
  return counts.map((workers) => ({ ...kind, workers, leaves: workers, delayMs, masked: false }));
}

interface CoordinatorFlags {
  readonly points?: Pick<Point, 'workers' | 'leaves'>[];
  readonly localSteps?: number;
  readonly wire?: Wire;
  readonly local?: boolean;
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
    .option('--local-steps <n>', 'steps of a round (default: 1)', wholeNumber(1, MAX_LOCAL_STEPS))
    .addOption(new Option('--wire <format>', 'how leaves and weights travel (default: float32)').choices(WIRES))
    .option('--masked', "mask the workers' frames, as beyond this machine without TLS")
    .option('--full', 'all points of the documentation, in a few minutes; not with the options above')
    .option('--local', 'local steps and the compact wire instead, also as devices of several speeds, in a few minutes')
    .option('--rounds <n>', `visits to each point (default: 1; with --full ${FULL_ROUNDS})`, wholeNumber(1, 1000))
    .option('--json', 'print one JSON object on standard output, raw samples included')
    .action(run);
}

async function run(flags: CoordinatorFlags): Promise<void> {
  if (process.platform !== 'linux') {
    throw new GantryError('E_CONFIG', 'this benchmark reads the times of processes from /proc: it needs Linux');
  }
  const { full, local, json, rounds = full ? FULL_ROUNDS : 1 } = flags;
  const points = pointsOf(flags);
  const report = new Report('coordinator', METHOD);
  const { visits, failures } = await visitAll(points, full || local ? FULL : QUICK, rounds);
  const results = points.flatMap((point) => figuresOf(point, visits.get(point) ?? []) ?? []);
  const kinds = await figuresByKind(results);
  const [plain] = kinds.filter((kind) => isOfKind(AT_ONCE, kind));
  const tables = [
    { head: HEAD, rows: results.map((each) => rowOf(each, kinds)) },
    ...(!local && plain?.model ? [saturationTable(plain.model, plain.bytes)] : []),
    ...(local ? [localStepsTable(kinds)] : []),
  ];
  const members = { shardSize: SHARD_SIZE, deviceShardSize: DEVICE_SHARD_SIZE, rounds, kinds, results, failures };
  report.print(json, members, tables, linesOf(results, kinds, failures));
  if (results.length === 0) process.exitCode = 1;
}

function pointsOf({ points, delay, masked, localSteps, wire, full, local }: CoordinatorFlags): readonly Point[] {
  const isChosen = (points ?? delay ?? masked ?? localSteps ?? wire) !== undefined;
  if ((full || local) && isChosen) {
    const flag = full ? '--full' : '--local';
    const others = '--points, --delay, --masked, --local-steps and --wire';
    throw new GantryError('E_CONFIG', `${flag} chooses the points itself: leave out ${others}`);
  }
  if (full && local) throw new GantryError('E_CONFIG', '--full and --local are other points: give one of them');
  if (full) return FULL_POINTS;
  if (local) return LOCAL_POINTS;
  return (points ?? QUICK_POINTS).map(({ workers, leaves }) => ({
    workers,
    leaves,
    delayMs: delay ?? AT_ONCE.delayMs,
    masked: masked ?? AT_ONCE.masked,
    localSteps: localSteps ?? AT_ONCE.localSteps,
    wire: wire ?? AT_ONCE.wire,
  }));
}

function parsePoints(text: string): Pick<Point, 'workers' | 'leaves'>[] {
  return text.split(',').map((part) => {
    const [, workers, leaves = workers] = /^(\d{1,4})(?::(\d{1,4}))?$/.exec(part) ?? [];
    const point = { workers: Number(workers), leaves: Number(leaves) };
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
      const { workers, leaves, localSteps, wire, delayMs } = point;
      const what = `${localSteps} local steps, ${wire}, ${workers} workers, ${leaves} shards, ${delayMs.toFixed(0)} ms`;
      const where = `round ${round}/${rounds}, ${what}`;
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

const HEAD = [
  'local steps|wire|workers|shards|answers|ms a round|event loop ms|model ms|rounds/s|MB/s in|MB/s out',
  'coordinator CPU|event loop CPU|load CPU|waiting for a core|images/s of devices|of what they could',
]
  .join('|')
  .split('|');

function rowOf(point: PointFigures, kinds: readonly KindFigures[]): string[] {
  const { workers, leaves, localSteps, wire, delayMs, masked, stepMs, eventLoopMs } = point;
  const kind = kinds.find((each) => isOfKind(point, each));
  const perSecond = (bytes = NaN) => digits((bytes / 1e6 / stepMs.median) * 1000);
  const images = leaves * localSteps * DEVICE_SHARD_SIZE;
  return [
    `${localSteps}`,
    wire,
    `${workers}`,
    `${leaves}`,
    [delayMs > 0 ? `${digits(delayMs)} ms` : 'at once', ...(masked ? ['masked'] : [])].join(', '),
    spreadText(stepMs),
    digits(eventLoopMs),
    kind?.model ? digits(predictedMs(kind.model, point)) : '–',
    digits(1000 / stepMs.median),
    perSecond(kind && leaves * kind.bytes.leaf),
    perSecond(kind && workers * kind.bytes.weights),
    ...[point.coordinatorCpu, point.eventLoop, point.loadCpu, point.stolen].map(percent),
    delayMs > 0 ? digits((images * 1000) / stepMs.median) : '–',
    delayMs > 0 ? percent(delayMs / stepMs.median) : '–',
  ];
}

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;

function linesOf(
  results: readonly PointFigures[],
  kinds: readonly KindFigures[],
  failures: readonly string[],
): string[] {
  const formulas = kinds.flatMap(({ isLocal, wire, bytes, model }) => {
    if (!model) return [];
    const { base, leaf, worker, unmask } = model;
    return (
      `${isLocal ? 'local steps' : 'synchronous'}, ${wire}: event loop ms = ` +
      `${digits(base)} + ${digits(leaf)} × shards + ${digits(worker)} × workers` +
      (unmask > 0 ? `, and ${digits(unmask)} more for a masked leaf` : '') +
      `; a leaf is taken at ${digits(bytes.leafFloats / leaf / 1e6)} GB/s of float32`
    );
  });
  const spoilt = results.filter(({ duplicated }) => duplicated > 0);
  return [
    ...formulas,
    ...failures.map((failure) => `failed: ${failure}`),
    ...spoilt.map(({ workers, leaves }) => `spoilt by duplicates: ${workers} workers, ${leaves} shards`),
  ];
}

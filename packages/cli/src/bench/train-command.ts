import { Command } from 'commander';
import type { MetricsLine } from '@gantry/coordinator';
import { availableCores } from '../available-cores.ts';
import { wholeNumber } from '../options/options.ts';
import { Report, progress } from './report.ts';
import { digits, spread, spreadText, type Spread } from './statistics.ts';
import { MNIST_IMAGES, measureTraining, type TrainBlock, type TrainPlan } from './train-run.ts';

/** So many steps to an epoch's end make about as many checkpoints as a whole run has: three in 235. */
const STEPS = 80;
const MAX_STEPS = 2000;
const STEPS_WITH_VIEWERS = 12;
const ROUNDS_WITH_VIEWERS = 16;
const MAX_VIEWERS = 100;
const PHASES = ['wait', 'compute', 'wire', 'reduce', 'adam', 'total'] as const satisfies (keyof MetricsLine['ms'])[];
const METHOD =
  'gantry train with images of MNIST: coordinator, WebSocket and worker processes of one thread each on this machine, a ' +
  'run directory, in every block of steps the end of an epoch with its sample grid and checkpoint. The steps count from ' +
  'the seventh one with all workers. Overall rates hold all of that; seconds per epoch are extrapolated from them to 60,000 ' +
  'images. Medians (ranges).';
const VIEWERS_METHOD =
  ' Blocks without and with viewers alternate in one run; viewers are WebSocket clients of /watch on this machine that draw nothing.';

interface TrainFlags extends Omit<TrainPlan, 'steps'> {
  readonly steps?: number;
  readonly viewers: number;
  readonly rounds?: number;
  readonly json?: boolean;
}

/** Of all blocks with as many viewers. */
interface TrainFigures {
  readonly workers: number;
  readonly viewers: number;
  /** Of each step. */
  readonly imagesPerSecond: Spread;
  /** Of each block. */
  readonly overallImagesPerSecond: Spread;
  /** Extrapolated, of each block. */
  readonly secondsPerEpoch: Spread;
  /** Of each block: 1 is one core. */
  readonly coordinatorCpu: Spread;
  readonly updatesPerSecond: Spread;
  readonly viewerKBPerSecond: Spread;
  /** Milliseconds of each step by phase, as in metrics.jsonl. */
  readonly ms: Readonly<Record<(typeof PHASES)[number], Spread>>;
}

export function trainCommand(): Command {
  const cores = availableCores();
  return new Command('train')
    .description('whole training steps on this machine, all processes included: a minute or two')
    .option('--workers <n>', 'worker processes, one thread each', wholeNumber(1, 1024), cores)
    .option('--device <name>', 'where workers compute: cpu, webgpu, cuda or cuda:INDEX', 'cpu')
    .option(
      '--steps <n>',
      `steps in a block, and in an epoch (default: ${STEPS}; with viewers ${STEPS_WITH_VIEWERS})`,
      wholeNumber(1, MAX_STEPS),
    )
    .option('--batch <images>', 'images per step over all workers', wholeNumber(2, MNIST_IMAGES), 256)
    .option('--shard-size <images>', 'images per shard', wholeNumber(2, 4096), 64)
    .option('--viewers <n>', 'compare with as many viewers of the dashboard', wholeNumber(0, MAX_VIEWERS), 0)
    .option(
      '--rounds <n>',
      `blocks of each kind (default: 1; with viewers ${ROUNDS_WITH_VIEWERS})`,
      wholeNumber(1, 1000),
    )
    .option('--json', 'print one JSON object on standard output, raw samples included')
    .action(run);
}

async function run(flags: TrainFlags): Promise<void> {
  const { viewers, json } = flags;
  const isCompared = viewers > 0;
  const plan: TrainPlan = { ...flags, steps: flags.steps ?? (isCompared ? STEPS_WITH_VIEWERS : STEPS) };
  const report = new Report('train', METHOD + (isCompared ? VIEWERS_METHOD : ''));
  const rounds = flags.rounds ?? (isCompared ? ROUNDS_WITH_VIEWERS : 1);
  const blocks = await measureInTurn(plan, isCompared ? [0, viewers] : [0], rounds);
  const results = [...blocks].map(([count, ofCount]) => figuresOf(plan, count, ofCount));
  const [without, withViewers] = results;
  const comparison = without && withViewers && compare(withViewers, without);
  const { batch, shardSize, steps } = plan;
  const tables = [
    {
      title: 'Speed',
      head: 'workers|viewers|images/s, steps|images/s, overall|s per epoch, extrapolated|coordinator CPU, cores|KB/s a viewer'.split(
        '|',
      ),
      rows: results.map((each) => [
        `${each.workers}`,
        `${each.viewers}`,
        ...[
          each.imagesPerSecond,
          each.overallImagesPerSecond,
          each.secondsPerEpoch,
          each.coordinatorCpu,
          each.viewerKBPerSecond,
        ].map(spreadText),
      ]),
    },
    {
      title: 'Milliseconds a step, by phase',
      head: ['viewers', ...PHASES],
      rows: results.map((each) => [`${each.viewers}`, ...PHASES.map((phase) => spreadText(each.ms[phase]))]),
    },
  ];
  const lines = comparison
    ? [
        `overall images/s with viewers / without, pair by pair: ${spreadText(comparison.ratio)}`,
        `coordinator CPU with viewers - without, cores: ${spreadText(comparison.coordinatorCpuOnTop)}`,
      ]
    : [];
  report.print(json, { batch, shardSize, steps, results, ...comparison }, tables, lines);
}

/** Blocks of every kind by turns, the order turned round each time: a machine whose speed drifts treats all alike. */
async function measureInTurn(plan: TrainPlan, kinds: readonly number[], rounds: number) {
  const blocks = new Map(kinds.map((count): [number, TrainBlock[]] => [count, []]));
  const order = Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? kinds : kinds.toReversed())).flat();
  let done = 0;
  for await (const block of measureTraining(plan, order)) {
    blocks.get(block.viewers)?.push(block);
    const rate = digits(overallRate(plan, block));
    progress(`block ${++done}/${order.length}, ${block.viewers} viewers: ${rate} images/s`);
  }
  return blocks;
}

/** Images per second from the end of the step before the first one that counts to the end of the last one. */
function overallRate({ batch }: TrainPlan, { steps }: TrainBlock): number {
  return (batch * steps.length * 1000) / steps.reduce((sum, { ms }) => sum + ms.total, 0);
}

function figuresOf(plan: TrainPlan, viewers: number, blocks: readonly TrainBlock[]): TrainFigures {
  const steps = blocks.flatMap((each) => each.steps);
  const rates = blocks.map((each) => overallRate(plan, each));
  const phase = (name: (typeof PHASES)[number]) => [name, spread(steps.map(({ ms }) => ms[name]))] as const;
  return {
    workers: plan.workers,
    viewers,
    imagesPerSecond: spread(steps.map((step) => step.imagesPerSecond)),
    overallImagesPerSecond: spread(rates),
    secondsPerEpoch: spread(rates.map((rate) => MNIST_IMAGES / rate)),
    coordinatorCpu: spread(blocks.map((each) => each.coordinatorCpu)),
    updatesPerSecond: spread(blocks.map((each) => each.updatesPerSecond)),
    viewerKBPerSecond: spread(blocks.map((each) => each.viewerKBPerSecond)),
    ms: Object.fromEntries(PHASES.map(phase)) as TrainFigures['ms'],
  };
}

/** Pair by pair of blocks that were next to each other. */
function compare(figures: TrainFigures, reference: TrainFigures) {
  const pairs = (of: (figures: TrainFigures) => Spread, combine: (own: number, base: number) => number) =>
    spread(of(figures).samples.map((own, i) => combine(own, of(reference).samples[i] ?? NaN)));
  return {
    ratio: pairs(
      ({ overallImagesPerSecond }) => overallImagesPerSecond,
      (own, base) => own / base,
    ),
    coordinatorCpuOnTop: pairs(
      ({ coordinatorCpu }) => coordinatorCpu,
      (own, base) => own - base,
    ),
  };
}

import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import type { MetricsLine } from '@gantry/coordinator';
import { wholeNumber } from '../options.ts';
import { Report, progress } from './report.ts';
import { digits, spread, spreadText, type Spread } from './statistics.ts';
import { MNIST_IMAGES, measureTraining, type TrainMeasurement, type TrainPlan } from './train-run.ts';

/** So many steps to an epoch's end make about as many checkpoints as a whole run has: three in 235. */
const STEPS = 80;
const MAX_STEPS = 2000;
const ROUNDS_WITH_VIEWERS = 3;
const MAX_VIEWERS = 100;
const PHASES = ['wait', 'compute', 'wire', 'reduce', 'adam', 'total'] as const satisfies (keyof MetricsLine['ms'])[];
const METHOD =
  'gantry train with images of MNIST: coordinator, WebSocket and worker processes of one thread each on this machine, a ' +
  'run directory, an end of an epoch with its sample grid and checkpoint among the steps. The steps count from the sixth ' +
  'one with all workers. Overall rates hold all of that; seconds per epoch are extrapolated from them to 60,000 images. ' +
  'Medians (ranges).';
const VIEWERS_METHOD =
  ' Runs without and with viewers alternate; viewers are WebSocket clients of /watch on this machine that draw nothing.';

interface TrainFlags extends TrainPlan {
  readonly viewers: number;
  readonly rounds?: number;
  readonly json?: boolean;
}

/** Of all runs with as many viewers. */
interface TrainFigures {
  readonly workers: number;
  readonly viewers: number;
  /** Of each step. */
  readonly imagesPerSecond: Spread;
  /** Of each run. */
  readonly overallImagesPerSecond: Spread;
  /** Extrapolated, of each run. */
  readonly secondsPerEpoch: Spread;
  /** Of each run: 1 is one core. */
  readonly coordinatorCpu: Spread;
  readonly updatesPerSecond: Spread;
  readonly viewerKBPerSecond: Spread;
  /** Milliseconds of each step by phase, as in metrics.jsonl. */
  readonly ms: Readonly<Record<(typeof PHASES)[number], Spread>>;
}

export function trainCommand(): Command {
  const cores = availableParallelism();
  return new Command('train')
    .description('whole training steps on this machine, all processes included: a minute or two')
    .option('--workers <n>', 'worker processes, one thread each', wholeNumber(1, 1024), cores)
    .option('--device <name>', 'where workers compute: cpu, cuda or cuda:INDEX', 'cpu')
    .option('--steps <n>', 'steps that are measured, and steps in an epoch', wholeNumber(1, MAX_STEPS), STEPS)
    .option('--batch <images>', 'images per step over all workers', wholeNumber(2, MNIST_IMAGES), 256)
    .option('--shard-size <images>', 'images per shard', wholeNumber(2, 4096), 64)
    .option('--viewers <n>', 'compare with as many viewers of the dashboard', wholeNumber(0, MAX_VIEWERS), 0)
    .option('--rounds <n>', `runs of each kind (default: 1; with viewers ${ROUNDS_WITH_VIEWERS})`, wholeNumber(1, 1000))
    .option('--json', 'print one JSON object on standard output, raw samples included')
    .action(run);
}

async function run({ viewers, rounds, json, ...plan }: TrainFlags): Promise<void> {
  const report = new Report('train', METHOD + (viewers > 0 ? VIEWERS_METHOD : ''));
  const counts = viewers > 0 ? [0, viewers] : [0];
  const runs = await measureInTurn(plan, counts, rounds ?? (viewers > 0 ? ROUNDS_WITH_VIEWERS : 1));
  const results = [...runs].map(([count, measurements]) => figuresOf(plan, count, measurements));
  const [without, withViewers] = results;
  const ratio = without && withViewers ? ratioOf(withViewers, without) : undefined;
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
  const lines = ratio ? [`overall images/s with viewers / without, run by run: ${spreadText(ratio)}`] : [];
  report.print(json, { batch, shardSize, steps, results, ...(ratio && { ratio }) }, tables, lines);
}

/** Runs of every kind by turns, the order turned round each time: a machine whose speed drifts treats all alike. */
async function measureInTurn(plan: TrainPlan, viewerCounts: readonly number[], rounds: number) {
  const runs = new Map(viewerCounts.map((count): [number, TrainMeasurement[]] => [count, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const count of round % 2 === 1 ? viewerCounts : viewerCounts.toReversed()) {
      const measurement = await measureTraining(plan, count);
      runs.get(count)?.push(measurement);
      progress(`round ${round}/${rounds}, ${count} viewers: ${digits(overallRate(plan, measurement))} images/s`);
    }
  }
  return runs;
}

/** Images per second from the end of the step before the first one that counts to the end of the last one. */
function overallRate({ batch }: TrainPlan, { steps }: TrainMeasurement): number {
  return (batch * steps.length * 1000) / steps.reduce((sum, { ms }) => sum + ms.total, 0);
}

function figuresOf(plan: TrainPlan, viewers: number, runs: readonly TrainMeasurement[]): TrainFigures {
  const steps = runs.flatMap((each) => each.steps);
  const rates = runs.map((each) => overallRate(plan, each));
  const phase = (name: (typeof PHASES)[number]) => [name, spread(steps.map(({ ms }) => ms[name]))] as const;
  return {
    workers: plan.workers,
    viewers,
    imagesPerSecond: spread(steps.map((step) => step.imagesPerSecond)),
    overallImagesPerSecond: spread(rates),
    secondsPerEpoch: spread(rates.map((rate) => MNIST_IMAGES / rate)),
    coordinatorCpu: spread(runs.map((each) => each.coordinatorCpu)),
    updatesPerSecond: spread(runs.map((each) => each.updatesPerSecond)),
    viewerKBPerSecond: spread(runs.map((each) => each.viewerKBPerSecond)),
    ms: Object.fromEntries(PHASES.map(phase)) as TrainFigures['ms'],
  };
}

/** Of runs that were next to each other. */
function ratioOf(figures: TrainFigures, reference: TrainFigures): Spread {
  const base = reference.overallImagesPerSecond.samples;
  return spread(figures.overallImagesPerSecond.samples.map((rate, i) => rate / (base[i] ?? NaN)));
}

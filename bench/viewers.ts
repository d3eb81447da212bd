/**
 * What those who watch a run cost its coordinator: a real run, in turn with nobody watching and with twenty viewers that
 * read everything; at the end the same while the run is paused, when there is little else that takes time.
 *
 *     npm run bench:viewers           eighteen rounds of 2 × 10 s, six in the pause; writes bench/results/viewers.json
 *     npm run bench:viewers -- 3      so many rounds instead
 *     npm run bench:viewers -- quick  one round of 2 × 5 s; writes nothing
 *
 * Needs Linux: processor times come from /proc.
 */
import { statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Viewers,
  cpuTimes,
  describeMachine,
  elapsed,
  machineText,
  spread,
  spreadText,
  table,
  type Spread,
} from '@gantry/cli/bench';
import { Dashboard } from '../test/support/dashboard.ts';
import { Gantry, temporaryDirectory } from '../test/support/gantry-process.ts';
import { lineCount, readJson, whenFiles } from '../test/support/run-files.ts';
import { within } from '../test/support/within.ts';
import { startCoordinator } from './support/coordinator.ts';

const VIEWERS = 20;
const quick = process.argv.includes('quick');
const ROUNDS = quick ? 1 : Number(process.argv[2] ?? 18);
const PAUSED_ROUNDS = Math.ceil(ROUNDS / 3);
const PHASE_MS = quick ? 5000 : 10_000;
/** A phase of a paused run ends with a whole number of these. */
const PAUSED_MS = 1000;
/** Short steps: viewers get the four updates a second that are the most there are. */
const RUN = ['--batch', '64', '--shard-size', '32', '--epochs', '50', '--checkpoint-every', '1000000'];
const WARM_STEPS = 20;
const STEP_LIMIT_MS = 60_000;
/** The coordinator and the viewers need a core of their own. */
const WORKERS = Math.max(1, availableParallelism() - 1);

interface Phase {
  readonly seconds: number;
  readonly steps: number;
  /** Of the coordinator's process and of its main thread, milliseconds. */
  readonly processMs: number;
  readonly mainMs: number;
  /** Time in which the main thread waited for a core, milliseconds. */
  readonly stolenMs: number;
  /** To all viewers. */
  readonly messages: number;
  readonly bytes: number;
}

interface Round {
  readonly alone: Phase;
  readonly watched: Phase;
}

const machine = describeMachine();
const coordinator = await startCoordinator(RUN, { run: join(temporaryDirectory(), 'run') });
const { run, pid, port } = coordinator;
const { control } = readJson<{ control: string }>(run, 'tokens.json');
const link = `http://127.0.0.1:${port}/#token=${control}`;
const metrics = join(run, 'metrics.jsonl');
for (let i = 1; i <= WORKERS; i++) {
  const args = ['worker', `ws://127.0.0.1:${port}`, '--threads', '1', '--name', `worker-${i}`];
  void new Gantry(args, { GANTRY_TOKEN: coordinator.token });
}

/** Phases begin and end with a step: what one of them costs must not be counted in halves. */
async function stepEnd(): Promise<void> {
  const { size } = statSync(metrics);
  await within(
    STEP_LIMIT_MS,
    'a step',
    whenFiles(run, () => statSync(metrics).size > size),
  );
}

/** @param pass returns at a moment when a phase may begin or end */
async function phase(viewerCount: number, pass: () => Promise<void>): Promise<Phase> {
  const viewers = await Viewers.open(link, viewerCount);
  await pass();
  const [steps, begin, before] = [lineCount(metrics), performance.now(), cpuTimes(pid)];
  const { messages, bytes } = viewers.told;
  while (performance.now() - begin < PHASE_MS) await pass();
  const { process: processMs, main: mainMs, stolen: stolenMs } = elapsed(before, cpuTimes(pid));
  const result = {
    seconds: (performance.now() - begin) / 1000,
    steps: lineCount(metrics) - steps,
    processMs,
    mainMs,
    stolenMs,
    messages: viewers.told.messages - messages,
    bytes: viewers.told.bytes - bytes,
  };
  viewers.close();
  return result;
}

await within(
  STEP_LIMIT_MS,
  'the first steps',
  whenFiles(run, () => lineCount(metrics) >= WARM_STEPS),
);

async function measureRounds(count: number, pass: () => Promise<void>): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < count; i++) {
    // What drifts must not always fall on the same one of the two.
    const isEven = i % 2 === 0;
    const first = await phase(isEven ? 0 : VIEWERS, pass);
    const second = await phase(isEven ? VIEWERS : 0, pass);
    rounds.push(isEven ? { alone: first, watched: second } : { alone: second, watched: first });
    console.error(`round ${i + 1}/${count}`);
  }
  return rounds;
}

const training = await measureRounds(ROUNDS, stepEnd);
const { ok, message } = await new Dashboard(link).control({ action: 'pause' });
if (!ok) throw new Error(message);
const paused = await measureRounds(PAUSED_ROUNDS, () => delay(PAUSED_MS));

type Times = 'processMs' | 'mainMs' | 'stolenMs';
const percentOfCore = (each: Phase, times: Times) => each[times] / each.seconds / 10;
/** A run that goes a little slower costs less by itself: steps are compared with steps. */
const onTopOfSteps = ({ alone, watched }: Round, times: Times) =>
  ((watched[times] / watched.steps - alone[times] / alone.steps) * watched.steps) / watched.seconds / 10;
const onTopOfTime = ({ alone, watched }: Round, times: Times) =>
  percentOfCore(watched, times) - percentOfCore(alone, times);

function figures(rounds: readonly Round[], onTop: typeof onTopOfTime) {
  const of = (valueOf: (round: Round) => number) => spread(rounds.map(valueOf));
  const percents = (times: Times) => ({
    alone: of(({ alone }) => percentOfCore(alone, times)),
    watched: of(({ watched }) => percentOfCore(watched, times)),
    onTop: of((round) => onTop(round, times)),
  });
  return {
    rounds: rounds.length,
    /** % of one core. */
    processPercent: percents('processMs'),
    eventLoopPercent: percents('mainMs'),
    waitingForCorePercent: percents('stolenMs'),
    stepsPerSecond: {
      alone: of(({ alone }) => alone.steps / alone.seconds),
      watched: of(({ watched }) => watched.steps / watched.seconds),
    },
    messagesPerViewerAndSecond: of(({ watched }) => watched.messages / VIEWERS / watched.seconds),
    bytesPerMessage: of(({ watched }) => watched.bytes / watched.messages),
  };
}

const results = {
  viewers: VIEWERS,
  workers: WORKERS,
  secondsPerPhase: PHASE_MS / 1000,
  training: figures(training, onTopOfSteps),
  paused: figures(paused, onTopOfTime),
};

function rowsOf(state: string, of: ReturnType<typeof figures>): string[][] {
  const { processPercent, eventLoopPercent: loop, waitingForCorePercent: waiting, stepsPerSecond } = of;
  const row = (name: string, ...cells: (Spread | undefined)[]) => [
    `${state}: ${name}`,
    ...cells.map((cell) => (cell ? spreadText(cell) : '')),
  ];
  return [
    row('coordinator, % of a core', processPercent.alone, processPercent.watched, processPercent.onTop),
    row('… of which its event loop', loop.alone, loop.watched, loop.onTop),
    row('event loop waiting for a core, %', waiting.alone, waiting.watched, undefined),
    ...(stepsPerSecond.alone.max > 0
      ? [row('steps a second', stepsPerSecond.alone, stepsPerSecond.watched, undefined)]
      : []),
    row('messages to each viewer a second', undefined, of.messagesPerViewerAndSecond, undefined),
    row('bytes of a message', undefined, of.bytesPerMessage, undefined),
  ];
}

console.log(`${machineText(machine)}; ${WORKERS} worker${WORKERS === 1 ? '' : 's'}, ${PHASE_MS / 1000} s each\n`);
const head = ['median (range)', 'nobody watches', `${VIEWERS} viewers`, 'on top'];
console.log(table(head, [...rowsOf('training', results.training), ...rowsOf('paused', results.paused)]));
if (!quick) {
  const file = new URL('results/viewers.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, ...results }, undefined, 2)}\n`);
}
process.exit();

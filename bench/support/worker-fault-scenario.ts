import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Answers,
  GantryProcess,
  SyntheticWorker,
  startCoordinator,
  temporaryDirectory,
  type CoordinatorProcess,
} from '@gantry/cli/bench';
import type { CoordinatorMessage } from '@gantry/core';
import { within } from '../../test/support/within.ts';
import { poll } from './poll.ts';
import { eventsOf, timeOf, workOf } from './run-record.ts';

/** As the coordinator sets it. */
export const HEARTBEAT_MS = 1000;
const SHARD_SIZE = 64;
/** One shard for the worker to be lost and one for the other. */
const BATCH = 2 * SHARD_SIZE;
const WARM_SHARDS = 4;
/** Of so many steps, one finds each worker with a shard. */
const STEPS_TRIED = 50;
const WAIT_MS = 60_000;

/** Times in milliseconds from the signal, or as named. */
export interface WorkerFault {
  /** The lost worker's shard has come to the other worker. */
  readonly toElsewhere: number;
  /** The coordinator has given the worker up. */
  readonly toLeft: number;
  readonly leftToElsewhere: number;
}

interface Assigned {
  readonly round: number;
  readonly index: number;
  readonly atMs: number;
}

/** A worker that answers at once, and is idle then: it notes what comes to it and when. */
class Bystander {
  readonly #worker: SyntheticWorker;
  readonly #assigned: Assigned[] = [];
  #step = -1;
  #stepBegun: () => void = () => undefined;

  /** @param claimedMs as long as the other worker takes for a shard, so that each gets one */
  constructor({ port, token }: CoordinatorProcess, claimedMs: number) {
    this.#worker = new SyntheticWorker({
      port,
      token,
      name: 'bystander',
      threads: 1,
      claimedMs,
      delayMs: () => 0,
      answers: new Answers(false),
      onMessage: (message) => this.#receive(message),
      onClosed: () => undefined,
    });
    this.#worker.release();
  }

  #receive(message: CoordinatorMessage): void {
    if (message.type === 'weights') {
      this.#step = message.round;
      this.#stepBegun();
    }
    if (message.type === 'assign') this.#assigned.push({ ...message, atMs: Date.now() });
  }

  /** @returns the step that has just begun */
  async nextStep(): Promise<number> {
    await within(
      WAIT_MS,
      'the next step',
      new Promise<void>((resolve) => {
        this.#stepBegun = resolve;
      }),
    );
    return this.#step;
  }

  get step(): number {
    return this.#step;
  }

  leave(): void {
    this.#worker.vanish();
  }

  shardsOf(step: number): readonly Assigned[] {
    return this.#assigned.filter((each) => each.round === step);
  }
}

/** Loses workers by both ways in turn. */
export async function workerFaults(repeats: number): Promise<{ killed: WorkerFault[]; frozen: WorkerFault[] }> {
  const options = ['--batch', `${BATCH}`, '--shard-size', `${SHARD_SIZE}`, '--checkpoint-every', '100000', '--exit'];
  const coordinator = await startCoordinator(options, { run: join(temporaryDirectory(), 'run') });
  const killed: WorkerFault[] = [];
  const frozen: WorkerFault[] = [];
  try {
    for (let i = 0; i < repeats; i++) {
      // At different moments of a shard, which takes 200 ms and more.
      const afterMs = 20 + (100 * i) / repeats;
      killed.push(await loseWorker('SIGKILL', `killed-${i}`, afterMs, coordinator));
      frozen.push(await loseWorker('SIGSTOP', `frozen-${i}`, afterMs, coordinator));
    }
  } finally {
    await coordinator.gantry.crash();
  }
  return { killed, frozen };
}

async function loseWorker(
  signal: 'SIGKILL' | 'SIGSTOP',
  name: string,
  afterMs: number,
  coordinator: CoordinatorProcess,
): Promise<WorkerFault> {
  const { run, port } = coordinator;
  const worker = new GantryProcess(['worker', `ws://127.0.0.1:${port}`, '--threads', '1', '--name', name]);
  let bystander: Bystander | undefined;
  try {
    // Alone at first: the coordinator learns how fast it is.
    const shard = await poll(WAIT_MS, `work of ${name}`, () => workOf(run, name)[WARM_SHARDS]);
    bystander = new Bystander(coordinator, shard.ms);
    const { step, index } = await otherShard(bystander, afterMs);

    const signalled = Date.now();
    worker.process.kill(signal);
    const elsewhere = await poll(WAIT_MS, `shard ${index} of step ${step}`, () =>
      bystander?.shardsOf(step).find((each) => each.index === index),
    );
    const left = await poll(WAIT_MS, `the loss of ${name}`, () =>
      eventsOf(run).find((event) => event.type === 'left' && event['worker'] === name),
    );
    return {
      toElsewhere: elsewhere.atMs - signalled,
      toLeft: timeOf(left) - signalled,
      leftToElsewhere: elsewhere.atMs - timeOf(left),
    };
  } finally {
    bystander?.leave();
    await worker.crash();
  }
}

/** Waits for a shard that the other worker has been at for some time. */
async function otherShard(bystander: Bystander, afterMs: number): Promise<{ step: number; index: number }> {
  // The step in which it joined began before: the other worker may be done with it at any moment.
  await bystander.nextStep();
  for (let i = 0; i < STEPS_TRIED; i++) {
    const step = await bystander.nextStep();
    await delay(afterMs);
    const [own, ...more] = bystander.shardsOf(step);
    if (own && more.length === 0 && bystander.step === step) return { step, index: 1 - own.index };
  }
  throw new Error('the work was never shared');
}

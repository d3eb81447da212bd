import { join } from 'node:path';
import { GantryProcess, startCoordinator, temporaryDirectory } from '@gantry/cli/bench';
import { poll } from './poll.ts';
import { eventsOf, stepsOf, timeOf } from './run-record.ts';

const STEPS_BEFORE = 3;
const WAIT_MS = 60_000;
const CONFIG = ['--batch', '128', '--shard-size', '64', '--checkpoint-every', '2'];

/** Milliseconds from the start of the second coordinator, right after the first one's death. */
export interface Restart {
  readonly toListening: number;
  /** The worker has found its way back. */
  readonly toJoined: number;
  /** The first step after the checkpoint is done. */
  readonly toFirstStep: number;
}

/** Kills coordinators that have one worker, and starts them again at once. */
export async function coordinatorRestarts(repeats: number): Promise<Restart[]> {
  const run = join(temporaryDirectory(), 'run');
  let coordinator = await startCoordinator(CONFIG, { run });
  const { port } = coordinator;
  const worker = new GantryProcess(['worker', `ws://127.0.0.1:${port}`, '--threads', '1', '--name', 'only']);
  const restarts: Restart[] = [];
  try {
    for (let i = 0; i < repeats; i++) {
      const before = stepsOf(run);
      await poll(WAIT_MS, 'steps', () => stepsOf(run) >= before + STEPS_BEFORE || undefined);
      await coordinator.gantry.crash();
      const resumes = resumedIn(run).length;
      const started = Date.now();
      coordinator = await startCoordinator(['--resume', '--exit'], { run, port });
      const listening = Date.now();
      // The record has been cut back to the checkpoint by now, and there is no worker yet.
      const kept = stepsOf(run);
      const resumed = await poll(WAIT_MS, 'the resumption', () => resumedIn(run)[resumes]);
      const joined = await poll(WAIT_MS, 'the worker', () =>
        eventsOf(run).find((event) => event.type === 'joined' && timeOf(event) >= timeOf(resumed)),
      );
      await poll(WAIT_MS, 'a step', () => stepsOf(run) > kept || undefined);
      restarts.push({
        toListening: listening - started,
        toJoined: timeOf(joined) - started,
        toFirstStep: Date.now() - started,
      });
    }
  } finally {
    await Promise.all([worker.crash(), coordinator.gantry.crash()]);
  }
  return restarts;
}

/** Resumptions stay in the record: they are of the checkpoint's step, and nothing later is kept. */
function resumedIn(run: string) {
  return eventsOf(run).filter(({ type }) => type === 'resumed');
}

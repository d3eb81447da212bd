import type { AttachedWorkers, WorkerLink } from '@gantry/coordinator';
import { Assembly, GantryError, decodeFromWorker, floatsOf, type WorkerMessage } from '@gantry/core';
import { EnginePool, EngineThread, ShardRunner, ShardTally, type Device, type EngineName } from '@gantry/worker';
import type { Attachment } from '../run-training.ts';

const NAME = 'in-process';

/**
 * Lets `threads` threads of this process join as one worker: the worker's own code, without a socket between.
 * @param engine as `prepareDevice` has found it for the device
 */
export async function attachThreads(
  { context: { programFor, scheduler, scheme }, progress }: Attachment,
  engine: EngineName,
  device: Device,
  threads: number,
): Promise<AttachedWorkers> {
  const program = programFor(device);
  const notice = (text: string) => progress.notice(text);
  const pool = new EnginePool(() => new EngineThread(engine, device), threads, notice);
  const close = () => pool.dispose();
  try {
    const { numericClass, probeMs } = await pool.load(NAME, program);
    const contributionLength = (round: number) => scheme.contributionLength(round);
    const assembly = new Assembly<WorkerMessage>();
    const lost = (error: unknown) => scheduler.leave(link, error instanceof Error ? error.message : String(error));
    const runner = new ShardRunner({
      manifest: program.manifest,
      pool,
      tally: new ShardTally(),
      observer: { connected: () => undefined, waiting: () => undefined, shardDone: () => undefined, notice },
      failed: lost,
      send: (frame, sent) => {
        const { message, payload } = assembly.add(decodeFromWorker(frame, contributionLength)) ?? {};
        if (message?.type === 'result' && payload) scheduler.result(link, { ...message, sum: floatsOf(payload) });
        if (message?.type === 'computed') scheduler.computed(link, message);
        sent?.();
        if (message?.type === 'failure') {
          scheduler.failure(link, new GantryError(message.code, message.message), message.round, message.index);
        }
      },
    });
    const link: WorkerLink = {
      name: NAME,
      identity: NAME,
      numericClass,
      slots: threads,
      msPerSample: probeMs / (program.variants[0]?.samples ?? 1),
      place: { address: 'this process', engine, device },
      traffic: () => ({ bytesIn: 0, bytesOut: 0, roundTripMs: null, lastSeenMs: 0 }),
      setWeights: ({ round, values }) => {
        runner.setWeights(
          { type: 'weights', round },
          new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        );
      },
      assign: ({ round, index, batches, data }) => {
        runner.assign({ type: 'assign', round, index, batches: [...batches] }, data);
      },
      cancel: (round, index) => runner.cancel({ type: 'cancel', round, index }),
      refuse: ({ message, code }) => notice(`${NAME}: ${message} [${code}]`),
      drop: () => runner.stop(),
      dismiss: () => runner.stop(),
    };
    scheduler.join(link);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

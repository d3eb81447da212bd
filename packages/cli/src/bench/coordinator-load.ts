/**
 * The load of `gantry bench coordinator`, in a process of its own: synthetic workers that compute nothing. It reports
 * each round over the channel to its parent and ends with it.
 */
import { cpuTimes, type CpuTimes } from './cpu-times.ts';
import { Answers, SyntheticWorker } from './synthetic-worker.ts';

/** What the parent asks for. */
export interface Load {
  readonly port: number;
  readonly token: string;
  /** Process of the coordinator. */
  readonly coordinator: number;
  readonly workers: number;
  /** Shards that each worker is given at once. */
  readonly threads: number;
  readonly delayMs: number;
  readonly masked: boolean;
}

/** A round begins: what it is computed from has come to one worker. All workers have joined by then. */
export interface RoundBegin {
  readonly round: number;
  /** Milliseconds, from any origin. */
  readonly atMs: number;
  readonly coordinator: CpuTimes;
  readonly load: CpuTimes;
}

/**
 * What workers say that a shard takes. The coordinator computes shards again that take three times as long; while it is
 * itself the bottleneck, answers wait for it for longer than the shards of a fast worker would take.
 */
const CLAIMED_MS = 5000;

function work({ port, token, coordinator, workers, threads, delayMs, masked }: Load): void {
  const answers = new Answers(masked);
  const joined = new Set<string>();
  let newest = -1;

  /**
   * A step begins when its weights first come. Until all have joined, none answers: steps would slow the joining down.
   */
  function weighted(name: string, version: number): void {
    if (joined.size < workers && joined.add(name).size === workers) {
      for (const worker of all) worker.release();
    }
    if (joined.size < workers || version <= newest) return;
    newest = version;
    const begin: RoundBegin = {
      round: version,
      atMs: performance.now(),
      coordinator: cpuTimes(coordinator),
      load: cpuTimes(process.pid),
    };
    process.send?.(begin);
  }

  const all = Array.from({ length: workers }, (_, i) => {
    const name = `synthetic-${i}`;
    return new SyntheticWorker({
      port,
      token,
      name,
      threads,
      delayMs: () => delayMs,
      answers,
      claimedMs: CLAIMED_MS,
      onMessage: (message) => {
        if (message.type === 'error') throw new Error(`${name} was refused: ${message.message}`);
        if (message.type === 'weights' || message.type === 'update') weighted(name, message.round);
      },
      onClosed: (cause) => {
        console.error(`${name}: ${cause}`);
        process.exit(1);
      },
    });
  });
}

process.once('message', (load) => work(load as Load));
process.once('disconnect', () => process.exit());

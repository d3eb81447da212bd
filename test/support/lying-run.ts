import { join } from 'node:path';
import type { RecordedEvent } from '@gantry/core';
import { GANTRY } from './gantry-process.ts';
import { Gantry, readJsonLines, readToken, temporaryDirectory, whenFiles, type Finished } from './gantry.ts';
import { LyingRelay } from './lying-relay.ts';
import { TINY } from './tiny.ts';

/** 128 steps of eight shards. */
export const AUDITED_RUN: readonly string[] = [...TINY].concat(
  ['--seed', '7', '--batch', '16', '--shard-size', '2'],
  ['--epochs', '2', '--checkpoint-every', '5'],
);
/** Of a liar's results, before its first lie: a newcomer's first answer is compared in any case. */
const HONEST_AT_FIRST = 2;

interface LyingRunOptions {
  /** How many honest workers there are, before the liar comes. */
  readonly honest: number;
  /** Options of the audit. */
  readonly auditing: readonly string[];
  /** What starts the coordinator of a run directory; absent: it starts by itself. */
  readonly starter?: (path: string) => readonly string[];
}

/** How a run with a liar ended. */
export interface LyingRun {
  readonly path: string;
  readonly coordinator: Finished;
  readonly honest: readonly Finished[];
  readonly liar: Finished;
}

/** Trains `AUDITED_RUN` with honest workers and a liar, until the coordinator ends. */
export async function trainWithLiar({ honest, auditing, starter = () => [] }: LyingRunOptions): Promise<LyingRun> {
  const path = join(temporaryDirectory(), 'run');
  const options = [...AUDITED_RUN, ...auditing, '--listen', '127.0.0.1:0', '--run', path];
  const coordinator = new Gantry(['coordinator', ...options], {}, [...starter(path), ...GANTRY]);
  const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
  let results = 0;
  const relay = await LyingRelay.open(url, () => ++results > HONEST_AT_FIRST);
  try {
    const worker = (to: string, name: string) =>
      new Gantry(['worker', to, '--name', name, '--threads', '1', '--give-up-after', '5'], {
        GANTRY_TOKEN: readToken(path),
      });
    const others = Array.from({ length: honest }, (_, i) => worker(url, `honest-${i}`));
    await whenFiles(() => eventsOf(path, 'joined').length >= honest);
    const liar = worker(relay.url, 'liar');
    if (honest === 0) {
      await liar.finished;
      // Somebody has to end the run.
      others.push(worker(url, 'late'));
    }
    const ended = await coordinator.finished;
    return {
      path,
      coordinator: ended,
      honest: await Promise.all(others.map(({ finished }) => finished)),
      liar: await liar.finished,
    };
  } finally {
    relay.close();
  }
}

export function eventsOf(path: string, type: string): RecordedEvent[] {
  return readJsonLines<RecordedEvent>(path, 'events.jsonl').filter((each) => each.type === type);
}

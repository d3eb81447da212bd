import type { WatchedRun, WatchedStall } from '@gantry/core';
import type { ReactNode } from 'react';
import { hasEnded } from '../run-states.ts';
import type { Link } from '../store.ts';

interface Problem {
  /** The same as long as it lasts. */
  readonly id: string;
  readonly kind: 'bad' | 'warn';
  readonly what: string;
  readonly remedy: ReactNode;
}

/** What needs somebody's attention; nothing is shown while nothing does. */
export function Health({ run, link, stalls }: { run: WatchedRun; link: Link; stalls: readonly WatchedStall[] }) {
  return (
    // What grows, such as a time, is not read out again and again.
    <div className="health" role="alert" aria-relevant="additions">
      {problems(run, link, stalls).map(({ id, kind, what, remedy }) => (
        <p key={id} className={`notice ${kind}`}>
          <strong>{what}</strong> {remedy}
        </p>
      ))}
    </div>
  );
}

function problems(run: WatchedRun, link: Link, stalls: readonly WatchedStall[]): Problem[] {
  const list: Problem[] = [];
  if (run.failure !== undefined) {
    list.push({
      id: 'failed',
      kind: 'bad',
      what: 'The run failed:',
      remedy: `${run.failure}. Its checkpoints are kept; --resume goes on from the newest one.`,
    });
  }
  if (link.state === 'lost') {
    const ended = hasEnded(run.state);
    list.push({
      id: 'lost',
      kind: ended ? 'warn' : 'bad',
      what: ended ? 'The coordinator has ended.' : 'The coordinator is unreachable, trying again.',
      remedy: 'What is shown is the last that was known.',
    });
    // What stalled a run that cannot be seen may be over.
    return list;
  }
  for (const { worker, shard, cause, remedy } of stalls) {
    if (worker === undefined) {
      const isJoining = remedy.endsWith(run.join.shell);
      const help = isJoining ? joining(run.join.shell) : `${capitalized(remedy)}.`;
      list.push({ id: 'waiting', kind: 'warn', what: `Waiting: ${cause}.`, remedy: help });
      continue;
    }
    const where = [` on ${worker}`, shard !== undefined && `, shard ${shard}`].filter(Boolean).join('');
    list.push({
      id: `stalled${where}`,
      kind: 'bad',
      what: `Stalled${where}: ${cause}.`,
      remedy: `${capitalized(remedy)}.`,
    });
  }
  return list;
}

function joining(command: string): ReactNode {
  return (
    <>
      Attach one with: <code>{command}</code>
    </>
  );
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

import type { RecordedEvent, WatchedConcern, WatchedRun, WatchedStall } from '@gantry/core';
import { useMemo, type ReactNode } from 'react';
import { newestAdvice } from '../advice.ts';
import { whole } from '../format.ts';
import { hasEnded } from '../run-states.ts';
import type { Link } from '../store.ts';

interface Notice {
  /** The same as long as it lasts. */
  readonly id: string;
  readonly kind: 'bad' | 'warn' | 'calm';
  readonly what: string;
  readonly remedy: ReactNode;
}

/** What needs somebody's attention, and what would help; nothing is shown while there is nothing. */
export function Health({
  run,
  link,
  stalls,
  concerns,
  events,
}: {
  run: WatchedRun;
  link: Link;
  stalls: readonly WatchedStall[];
  concerns: readonly WatchedConcern[];
  events: readonly RecordedEvent[];
}) {
  const advice = useMemo(() => advised(events), [events]);
  return (
    // What grows, such as a time, is not read out again and again.
    <div className="health">
      <div className="notices" role="alert" aria-relevant="additions">
        {problems(run, link, stalls).map(notice)}
      </div>
      <div className="notices" role="status" aria-relevant="additions">
        {[...doubts(link, concerns), ...advice].map(notice)}
      </div>
    </div>
  );
}

function notice({ id, kind, what, remedy }: Notice): ReactNode {
  return (
    <p key={id} className={`notice ${kind}`}>
      <strong>{what}</strong> {remedy}
    </p>
  );
}

function problems(run: WatchedRun, link: Link, stalls: readonly WatchedStall[]): Notice[] {
  const list: Notice[] = [];
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

/** What the training suffers from; the run goes on. */
function doubts(link: Link, concerns: readonly WatchedConcern[]): Notice[] {
  if (link.state === 'lost') return [];
  return concerns.map(({ cause, remedy }) => ({
    // The cause has figures that change.
    id: remedy,
    kind: 'warn',
    what: `Concern: ${cause}.`,
    remedy: `${capitalized(remedy)}.`,
  }));
}

/** The newest advice; its step tells how old it is. */
function advised(events: readonly RecordedEvent[]): Notice[] {
  const advice = newestAdvice(events);
  if (!advice) return [];
  const { step, text } = advice;
  return [{ id: `advice ${step} ${text}`, kind: 'calm', what: `Advice at step ${whole(step)}:`, remedy: `${text}.` }];
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

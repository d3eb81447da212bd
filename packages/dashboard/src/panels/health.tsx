import type { WatchedRun, WatchedStall } from '@gantry/core';
import type { Link } from '../store.ts';

/** What needs somebody's attention; nothing is shown while nothing does. */
export function Health({ run, link, stalls }: { run: WatchedRun; link: Link; stalls: readonly WatchedStall[] }) {
  const problems = [
    ...(link.state === 'lost' && run.state !== 'finished' && run.state !== 'stopped'
      ? [
          {
            what: 'The coordinator cannot be reached',
            remedy: 'trying again; what is shown is the last that was known',
          },
        ]
      : []),
    ...(run.failure === undefined ? [] : [{ what: 'The run failed', remedy: run.failure }]),
    ...stalls.map(({ worker, shard, cause, remedy }) => ({
      what: `Stalled${worker === undefined ? '' : ` on ${worker}, shard ${shard ?? '?'}`}: ${cause}`,
      remedy,
    })),
  ];
  return (
    <div className="health" role="alert">
      {problems.map(({ what, remedy }) => (
        <p key={what}>
          <strong>{what}</strong> — {remedy}
        </p>
      ))}
    </div>
  );
}

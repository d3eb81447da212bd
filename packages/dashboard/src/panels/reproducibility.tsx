import type { RecordedEvent, WatchedRun, WatchedWorker } from '@gantry/core';
import { classesOf, type NumericClass } from '../classes.ts';
import { whole } from '../format.ts';
import { Panel } from './panel.tsx';

const NAMES_SHOWN = 4;

function whatFollowsOf([first, second]: readonly NumericClass[]): string {
  if (!first) {
    return 'The first worker that joins decides on the numeric class: with workers of the same class, this seed gives the same weights, bit for bit.';
  }
  if (second) {
    return 'Workers of several numeric classes took part: they round differently, so the final weights depend on who computed what, and another run of this seed will differ in small ways. Training itself is as good.';
  }
  const alike = /^native-\d+$/.test(first.id)
    ? 'All workers compute in machine code, which has the same bits on every CPU'
    : 'All workers round alike';
  return `${alike}: this seed gives the same final weights, bit for bit, for any number of such workers, however often they come and go.`;
}

/** Which engines and numeric classes are at work, and what follows for the bits of the result. */
export function Reproducibility({
  run,
  workers,
  events,
}: {
  run: WatchedRun;
  workers: readonly WatchedWorker[];
  events: readonly RecordedEvent[];
}) {
  const classes = classesOf(run.numericClasses, workers, events);
  const mixed = classes.length > 1;
  return (
    <Panel
      title="Reproducibility"
      area="reproducibility"
      aside={
        classes.length > 0 && (
          <span className={`state ${mixed ? 'warn' : 'good'}`}>{mixed ? 'classes mixed' : 'bit for bit'}</span>
        )
      }
    >
      <p>{whatFollowsOf(classes)}</p>
      <ul className="plain">
        {classes.map(({ id, engines, workers: names }) => (
          <li key={id}>
            class <code>{id}</code>
            {engines.length > 0 && `, ${engines.join(' and ')}`}:{' '}
            {names.slice(0, NAMES_SHOWN).map((name, i) => (
              <span key={name}>
                {i > 0 && ', '}
                <span className="unbroken">{name}</span>
              </span>
            ))}
            {names.length > NAMES_SHOWN && ` and ${names.length - NAMES_SHOWN} more`}
            {names.length === 0 && 'gone long ago'}
          </li>
        ))}
      </ul>
      <p className="hint">
        seed {run.seed}, global batch {run.batch}, shards of {run.shardSize}
        {run.localSteps > 1 && `, ${whole(run.localSteps)} local steps`}
        {run.wire !== 'float32' && `, ${run.wire} on the wire`}
      </p>
      {run.weightsDigest !== undefined && (
        <p className="hint">
          sha256 of the final weights: <code className="digest">{run.weightsDigest}</code>
        </p>
      )}
    </Panel>
  );
}

import type { WatchedRun, WatchedWorker } from '@gantry/core';
import { Panel } from './panel.tsx';

/** Which engines and numeric classes are at work, and what follows for the bits of the result. */
export function Reproducibility({ workers, run }: { workers: readonly WatchedWorker[]; run: WatchedRun }) {
  const present = workers.filter(({ state }) => state !== 'left' && state !== 'quarantined');
  const classes = [...new Set(present.map(({ numericClass }) => numericClass))];
  return (
    <Panel title="Reproducibility" area="reproducibility">
      <p>
        {classes.length > 1
          ? 'Workers of several numeric classes are at work: they round differently, so the final weights depend on who computed what. Training itself is as good.'
          : 'All workers round alike: this seed gives the same final weights, bit for bit, for any number of such workers, however often they come and go.'}
      </p>
      <ul className="plain">
        {classes.map((numericClass) => {
          const members = present.filter((worker) => worker.numericClass === numericClass);
          const engines = [...new Set(members.map(({ engine, device }) => `${engine} on ${device}`))];
          return (
            <li key={numericClass}>
              <code>{numericClass}</code> {engines.join(', ')}: {members.map(({ name }) => name).join(', ')}
            </li>
          );
        })}
      </ul>
      <p className="hint">
        seed {run.seed}, global batch {run.batch}, shards of {run.shardSize}
        {run.weightsDigest !== undefined && (
          <>
            , weights <code>{run.weightsDigest.slice(0, 16)}</code>
          </>
        )}
      </p>
    </Panel>
  );
}

import type { WatchedWorker } from '@gantry/core';
import { memo, useState } from 'react';
import { isPresent } from '../classes.ts';
import { usePaced } from '../paced.ts';
import type { Ask } from '../steering.tsx';
import { COLUMNS, nextOrder, sorted, type Order } from '../worker-columns.ts';
import { Panel } from './panel.tsx';
import { WorkerRow } from './worker-row.tsx';

const REFRESH_MS = 1000;

/** One row for each worker that is there or left lately; who comes and goes is seen at once, the figures every second. */
export const Workers = memo(function Workers(props: { workers: readonly WatchedWorker[]; ask: Ask }) {
  const { ask } = props;
  const attached = props.workers.filter(isPresent).map(({ name }) => name);
  const workers = usePaced(props.workers, attached.join('\n'), REFRESH_MS);
  const [order, setOrder] = useState<Order>();
  const present = workers.filter(isPresent).length;
  return (
    <Panel
      title="Workers"
      area="workers"
      aside={
        <span className="hint">
          {present} attached{workers.length > present && `, ${workers.length - present} gone`}
        </span>
      }
    >
      {workers.length === 0 && <p className="none">No worker has joined. See below how one does.</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of workers" hidden={workers.length === 0}>
        <table>
          <thead>
            <tr>
              {COLUMNS.map(({ label, title, isNumber }, i) => {
                const direction = order?.column === i ? (order.descending ? 'descending' : 'ascending') : undefined;
                return (
                  <th key={label} scope="col" className={isNumber ? 'number' : ''} aria-sort={direction}>
                    <button type="button" title={title} onClick={() => setOrder(nextOrder(order, i))}>
                      {label}
                    </button>
                  </th>
                );
              })}
              <th scope="col">
                <span className="hidden">steering</span>
              </th>
            </tr>
          </thead>
          <tbody style={{ '--largest-share': Math.max(0.01, ...workers.map(({ share }) => share)) }}>
            {sorted(workers, order).map((worker) => (
              <WorkerRow key={worker.name} worker={worker} ask={ask} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
});

import { memo, useState } from 'react';
import { isPresent } from '../classes.ts';
import { bytes } from '../format.ts';
import type { ShownWorker } from '../link-use.ts';
import { usePaced } from '../paced.ts';
import type { Unit } from '../rounds.ts';
import type { Ask } from '../steering.tsx';
import { COLUMNS, nextOrder, sorted, titleOf, type Order } from '../worker-columns.ts';
import { wireBytesPerImage } from '../wire-bytes.ts';
import { Panel } from './panel.tsx';
import { WorkerRow } from './worker-row.tsx';

const REFRESH_MS = 1000;

/** One row for each worker that is there or left lately; who comes and goes is seen at once, the figures every second. */
export const Workers = memo(function Workers(props: { workers: readonly ShownWorker[]; unit: Unit; ask: Ask }) {
  const { unit, ask } = props;
  const attached = props.workers.filter(isPresent).map(({ name }) => name);
  const workers = usePaced(props.workers, attached.join('\n'), REFRESH_MS);
  const [order, setOrder] = useState<Order>();
  const present = workers.filter(isPresent).length;
  return (
    <Panel
      title="Workers"
      area="workers"
      aside={
        <div className="row hints">
          <WireHint workers={workers} />
          <span className="hint">
            {present} attached{workers.length > present && `, ${workers.length - present} gone`}
          </span>
        </div>
      }
    >
      {workers.length === 0 && <p className="none">No worker has joined. See below how one does.</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of workers" hidden={workers.length === 0}>
        <table>
          <thead>
            <tr>
              {COLUMNS.map((column, i) => {
                const { label, isNumber } = column;
                const direction = order?.column === i ? (order.descending ? 'descending' : 'ascending') : undefined;
                return (
                  <th key={label} scope="col" className={isNumber ? 'number' : ''} aria-sort={direction}>
                    <button type="button" title={titleOf(column, unit)} onClick={() => setOrder(nextOrder(order, i))}>
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

const WIRE_TITLE =
  'Bytes through all connections since the workers joined, divided by the images that were learned from. From workers: ' +
  'results. To workers: weights, and the program at the beginning. Images count apart: a worker may keep them.';

/** What learning from an image costs on the wire. */
function WireHint({ workers }: { workers: readonly ShownWorker[] }) {
  const wire = wireBytesPerImage(workers);
  if (!wire) return undefined;
  return (
    <span className="hint" title={WIRE_TITLE}>
      on the wire per image: {bytes(wire.fromWorkers)} from workers, {bytes(wire.toWorkers)} to them,{' '}
      {bytes(wire.images)} of images
    </span>
  );
}

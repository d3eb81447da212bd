import type { WatchedWorker, WatchedWorkerState } from '@gantry/core';
import { memo } from 'react';
import { bytes, duration, percent, timeOfDay, whole } from '../format.ts';
import type { Ask } from '../steering.tsx';
import { Panel } from './panel.tsx';

const STATES: Readonly<Record<WatchedWorkerState, string>> = {
  computing: 'computing',
  idle: 'waiting',
  late: 'late',
  left: 'left',
  quarantined: 'quarantined',
};

/** One row for each worker that is there or left lately. */
export function Workers({ workers, ask }: { workers: readonly WatchedWorker[]; ask: Ask }) {
  const present = workers.filter(isPresent).length;
  return (
    <Panel title="Workers" area="workers" aside={<span className="hint">{present} attached</span>}>
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of workers">
        <table>
          <thead>
            <tr>
              <th scope="col">name</th>
              <th scope="col">state</th>
              <th scope="col">engine</th>
              <th scope="col" className="number">
                images/s
              </th>
              <th scope="col" className="number">
                share
              </th>
              <th scope="col" className="number">
                shards
              </th>
              <th scope="col" className="number" title="per step, over the last steps">
                compute
              </th>
              <th scope="col" className="number" title="per step, over the last steps">
                wait
              </th>
              <th scope="col" className="number">
                in
              </th>
              <th scope="col" className="number">
                out
              </th>
              <th scope="col" className="number">
                round trip
              </th>
              <th scope="col" className="number">
                last seen
              </th>
              <th scope="col">class</th>
              <th scope="col">
                <span className="hidden">actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {workers.map((worker) => (
              <Row key={worker.name} worker={worker} ask={ask} />
            ))}
          </tbody>
        </table>
        {workers.length === 0 && <p className="hint">No worker is attached; see below how one joins.</p>}
      </div>
    </Panel>
  );
}

const Row = memo(
  function Row({ worker, ask }: { worker: WatchedWorker; ask: Ask }) {
    const { name, state, engine, device, slots, address } = worker;
    const present = isPresent(worker);
    return (
      <tr className={state} title={worker.cause}>
        <th scope="row" title={`${address}, since ${timeOfDay(worker.since)}`}>
          {name}
        </th>
        <td>
          <span className={`state ${state}`}>{STATES[state]}</span>
        </td>
        <td>
          {engine} · {device}
          {slots > 1 ? ` × ${slots}` : ''}
        </td>
        <td className="number">{present ? whole(worker.imagesPerSecond) : '–'}</td>
        <td className="number">{present ? percent(worker.share) : '–'}</td>
        <td className="number">{whole(worker.shards)}</td>
        <td className="number">{present ? duration(worker.computeMs) : '–'}</td>
        <td className="number">{present ? duration(worker.waitMs) : '–'}</td>
        <td className="number">{bytes(worker.bytesIn)}</td>
        <td className="number">{bytes(worker.bytesOut)}</td>
        <td className="number">
          {!present || worker.roundTripMs === null ? '–' : `${worker.roundTripMs.toFixed(1)} ms`}
        </td>
        <td className="number">{present ? `${duration(worker.lastSeenMs)} ago` : (worker.cause ?? '–')}</td>
        <td>
          <code>{worker.numericClass.slice(0, 8)}</code>
        </td>
        <td>
          {present && (
            <button
              type="button"
              className="small"
              aria-label={`Drop ${name}`}
              onClick={() =>
                ask({
                  control: { action: 'drop', worker: name },
                  title: `Drop ${name}`,
                  text: 'It is sent away, and what it holds goes to others.',
                })
              }
            >
              Drop
            </button>
          )}
        </td>
      </tr>
    );
  },
  (before, after) => before.ask === after.ask && sameValues(before.worker, after.worker),
);

function isPresent({ state }: WatchedWorker): boolean {
  return state !== 'left' && state !== 'quarantined';
}

/** Updates bring new objects; most rows of those that are idle or gone say the same as before. */
function sameValues(a: WatchedWorker, b: WatchedWorker): boolean {
  return (Object.keys(b) as (keyof WatchedWorker)[]).every((key) => a[key] === b[key]);
}

import type { WatchedWorker, WatchedWorkerState } from '@gantry/core';
import { memo } from 'react';
import { isPresent } from '../classes.ts';
import { ago, bytes, duration, localTime, percent, whole } from '../format.ts';
import type { Ask } from '../steering.tsx';

const STATES: Readonly<Record<WatchedWorkerState, string>> = {
  computing: 'computing',
  idle: 'waiting',
  late: 'late',
  behind: 'slow link',
  left: 'left',
  quarantined: 'quarantined',
};

export const WorkerRow = memo(
  function WorkerRow({ worker, ask }: { worker: WatchedWorker; ask: Ask }) {
    const { name, state, engine, device, slots, address, cause, share, roundTripMs } = worker;
    return (
      <tr className={state}>
        <th scope="row" title={`${name} at ${address}, since ${localTime(worker.since)}`}>
          {name}
        </th>
        <td>
          <span className={`state ${state}`}>{STATES[state]}</span>
        </td>
        <td>{engine}</td>
        <td>
          {device}
          {slots > 1 && ` × ${slots}`}
        </td>
        {isPresent(worker) ? (
          <>
            <td className="number">{whole(worker.imagesPerSecond)}</td>
            <td className="number">
              <span className="share" style={{ '--share': share }}>
                {percent(share)}
              </span>
            </td>
            <td className="number">{whole(worker.shards)}</td>
            <td className="number">{duration(worker.computeMs)}</td>
            <td className="number">{duration(worker.waitMs)}</td>
            <td className="number">{bytes(worker.bytesIn)}</td>
            <td className="number">{bytes(worker.bytesOut)}</td>
            <td className="number">{roundTripMs === null ? '–' : `${roundTripMs.toFixed(1)} ms`}</td>
            <td className="number">{ago(worker.lastSeenMs)}</td>
          </>
        ) : (
          <>
            <td colSpan={2} />
            <td className="number">{whole(worker.shards)}</td>
            <td colSpan={6} className="cause" title={cause}>
              {cause}
            </td>
          </>
        )}
        <td>
          <code>{worker.numericClass}</code>
        </td>
        <td className="number">
          {isPresent(worker) && (
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

/** Updates bring new objects; most rows of those that are idle or gone say the same as before. */
function sameValues(a: WatchedWorker, b: WatchedWorker): boolean {
  return (Object.keys(b) as (keyof WatchedWorker)[]).every((key) =>
    key === 'lastSeenMs' ? ago(a[key]) === ago(b[key]) : a[key] === b[key],
  );
}

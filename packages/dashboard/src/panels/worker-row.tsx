import type { WatchedWorkerState } from '@gantry/core';
import { memo } from 'react';
import { isPresent } from '../classes.ts';
import { ago, bytes, duration, localTime, megabits, percent, whole } from '../format.ts';
import type { ShownWorker } from '../link-use.ts';
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
  function WorkerRow({ worker, ask }: { worker: ShownWorker; ask: Ask }) {
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
            <td className="number" title={linkTitle(worker.bytesIn, worker.inRate)}>
              {megabits(worker.inUse)}
            </td>
            <td className="number" title={linkTitle(worker.bytesOut, worker.outRate)}>
              {megabits(worker.outUse)}
            </td>
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

/** @param rate bytes per second, where they were measured */
function linkTitle(total: number, rate: number | null): string {
  const link = rate === null ? '' : `; the link had ${megabits(rate)} Mbit/s as first measured`;
  return `${bytes(total)} since it joined${link}`;
}

/** Updates bring new objects; most rows of those that are idle or gone say the same as before. */
function sameValues(a: ShownWorker, b: ShownWorker): boolean {
  return (Object.keys(b) as (keyof ShownWorker)[]).every((key) =>
    key === 'lastSeenMs' ? ago(a[key]) === ago(b[key]) : a[key] === b[key],
  );
}

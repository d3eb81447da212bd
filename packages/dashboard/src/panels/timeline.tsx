import type { WatchedRun, WatchedStep } from '@gantry/core';
import { memo, useMemo } from 'react';
import { duration, whole } from '../format.ts';
import { describeLanes, lanesOf, type Lane } from '../lanes.ts';
import { firstSteps, type Unit } from '../rounds.ts';
import { Panel } from './panel.tsx';

const STEPS_SHOWN = 10;
/** Height of a lane; the style sheet has it, too. */
const LANE_PX = 18;
const BAR_PX = 12;

/** Who computed which shard when in the last steps or rounds, on one axis of time; a straggler sticks out. */
export const Timeline = memo(function Timeline({
  steps,
  unit,
  localSteps,
  localStepsFrom,
  stepsPerEpoch,
}: {
  steps: readonly WatchedStep[];
  unit: Unit;
  localSteps: WatchedRun['localSteps'];
  localStepsFrom: WatchedRun['localStepsFrom'];
  stepsPerEpoch: WatchedRun['stepsPerEpoch'];
}) {
  const shown = steps.slice(-STEPS_SHOWN);
  const firsts = firstSteps(steps, { localSteps, localStepsFrom, stepsPerEpoch }).slice(-STEPS_SHOWN);
  const lanes = lanesOf(shown);
  const totalMs = shown.reduce((sum, step) => sum + step.totalMs, 0);
  const height = lanes.length * LANE_PX;
  const names = lanes.map(({ worker }) => worker).join('\n');
  const range = shown.length > 0 ? `steps ${whole(firsts[0] ?? 0)} to ${whole(shown.at(-1)?.step ?? 0)}` : '';
  const pace = describeLanes(lanes, unit);
  return (
    <Panel
      title={`Last ${unit}s`}
      area="timeline"
      aside={<span className="hint">{range !== '' && `${range}, ${duration(totalMs)}`}</span>}
    >
      <p className={lanes.some(({ isSlow }) => isSlow) ? 'pace warn' : 'pace'}>{pace}</p>
      <div
        className="scroll"
        tabIndex={0}
        role="region"
        aria-label={`Timeline of the last ${unit}s`}
        hidden={shown.length === 0}
      >
        <div className="lanes">
          <div className="names" aria-hidden="true">
            {lanes.map((lane) => (
              <LaneName key={lane.worker} {...lane} />
            ))}
          </div>
          <svg
            viewBox={`0 0 ${totalMs} ${height}`}
            preserveAspectRatio="none"
            style={{ height }}
            role="img"
            aria-label={`Who computed when, ${range}. ${pace}`}
          >
            {shown.map((step, i) => {
              const offset = shown.slice(0, i).reduce((sum, before) => sum + before.totalMs, 0);
              return (
                <g key={step.step} transform={`translate(${offset} 0)`}>
                  <Bars step={step} first={firsts[i] ?? step.step} names={names} />
                </g>
              );
            })}
          </svg>
          <div className="axis" aria-hidden="true">
            {shown.map(({ step, totalMs: ms }, i) => (
              <span key={step} style={{ flexGrow: ms }}>
                {(firsts[i] ?? step) < step && <span className="first">{whole(firsts[i] ?? step)}–</span>}
                <span>{whole(step)}</span>
              </span>
            ))}
          </div>
        </div>
      </div>
      <p className="legend" hidden={shown.length === 0}>
        <span className="computed">computed</span>
        <span className="requeued">requeued: taken over from a lost worker</span>
        <span className="duplicated">duplicated: late, given to two</span>
      </p>
    </Panel>
  );
});

function LaneName({ worker, slowness, isSlow }: Lane) {
  return (
    <span className={isSlow ? 'warn' : ''} title={worker}>
      {worker}
      {isSlow && <b> ×{slowness.toFixed(1)}</b>}
    </span>
  );
}

/** A step, drawn once: what changes as others come is its place, and that is its parent's. */
const Bars = memo(function Bars({
  step: { step, totalMs, shards },
  first,
  names,
}: {
  step: WatchedStep;
  first: number;
  names: string;
}) {
  const laneOf = useMemo(() => new Map(names.split('\n').map((name, lane) => [name, lane])), [names]);
  const when = first < step ? `steps ${whole(first)}–${whole(step)}` : `step ${whole(step)}`;
  return (
    <>
      <line x1={totalMs} x2={totalMs} y1={0} y2={laneOf.size * LANE_PX} className="step-end" />
      {shards.map(({ shard, worker, samples, beginMs, endMs, requeued, duplicated }) => (
        <rect
          key={shard}
          className={requeued ? 'requeued' : duplicated ? 'duplicated' : 'computed'}
          x={beginMs}
          width={endMs - beginMs}
          y={(laneOf.get(worker) ?? 0) * LANE_PX + (LANE_PX - BAR_PX) / 2}
          height={BAR_PX}
        >
          <title>
            {`${when}, shard ${shard}, ${whole(samples)} images, ${worker}: ${duration(endMs - beginMs)}`}
            {requeued ? ', taken over from a worker that was lost' : ''}
            {duplicated ? ', given to two workers because it was late' : ''}
          </title>
        </rect>
      ))}
    </>
  );
});

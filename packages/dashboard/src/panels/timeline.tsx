import type { WatchedStep } from '@gantry/core';
import { memo } from 'react';
import { duration } from '../format.ts';
import { Panel } from './panel.tsx';

const STEPS_SHOWN = 8;
const ROW = 16;
const WIDTH = 1000;

/** Who computed which shard when in the last steps, on one axis of time; a straggler sticks out. */
export const Timeline = memo(function Timeline({ steps }: { steps: readonly WatchedStep[] }) {
  const shown = steps.slice(-STEPS_SHOWN);
  const workers = [...new Set(shown.flatMap(({ shards }) => shards.map(({ worker }) => worker)))].toSorted();
  const totalMs = shown.reduce((sum, step) => sum + step.totalMs, 0);
  const scale = totalMs > 0 ? WIDTH / totalMs : 0;
  let begin = 0;
  const placed = shown.map((step) => {
    const offset = begin;
    begin += step.totalMs;
    return { step, offset };
  });
  const range =
    shown.length > 0 ? `steps ${shown[0]?.step} to ${shown.at(-1)?.step}, ${duration(totalMs)}` : 'no step yet';
  return (
    <Panel title="Last steps" area="timeline" aside={<span className="hint">{range}</span>}>
      <div className="scroll timeline-scroll" tabIndex={0} role="region" aria-label="Timeline of the last steps">
        <div className="timeline">
          <div className="names" aria-hidden="true">
            {workers.map((worker) => (
              <span key={worker}>{worker}</span>
            ))}
          </div>
          <svg
            viewBox={`0 0 ${WIDTH} ${Math.max(1, workers.length) * ROW}`}
            preserveAspectRatio="none"
            style={{ height: Math.max(1, workers.length) * ROW }}
            role="img"
            aria-label={`Computing time of ${workers.length} workers over ${range}`}
          >
            {placed.map(({ step, offset }) => (
              <g key={step.step}>
                <line x1={offset * scale} x2={offset * scale} y1={0} y2={workers.length * ROW} className="step-begin" />
                {step.shards.map(({ shard, worker, samples, beginMs, endMs, requeued, duplicated }) => (
                  <rect
                    key={shard}
                    className={requeued ? 'requeued' : duplicated ? 'duplicated' : 'computed'}
                    x={(offset + Math.max(0, beginMs)) * scale}
                    width={Math.max(1, (endMs - Math.max(0, beginMs)) * scale)}
                    y={workers.indexOf(worker) * ROW + 2}
                    height={ROW - 4}
                  >
                    <title>
                      {`step ${step.step}, shard ${shard}, ${samples} images, ${worker}: ${duration(endMs - beginMs)}`}
                      {requeued ? ', taken over from a worker that was lost' : ''}
                      {duplicated ? ', given to two workers because it was late' : ''}
                    </title>
                  </rect>
                ))}
              </g>
            ))}
          </svg>
        </div>
      </div>
      <p className="legend">
        <span className="computed">computed</span>
        <span className="requeued">taken over</span>
        <span className="duplicated">computed twice</span>
      </p>
    </Panel>
  );
});

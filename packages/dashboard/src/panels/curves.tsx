import type { WatchedMetrics } from '@gantry/core';
import { memo, useCallback, useMemo, useState } from 'react';
import type { Api } from '../api.ts';
import { Chart, type ChartSpec } from '../chart.tsx';
import type { Range } from '../chart-options.ts';
import { whole } from '../format.ts';
import { useLines, type Part } from '../history-part.ts';
import { Panel } from './panel.tsx';

/** Time constants of the moving average, in steps. */
const SPANS = [0, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/** Last steps that can be chosen without a mouse. */
const LAST_STEPS = [100, 1000];

interface Curve extends ChartSpec {
  readonly of: readonly ((line: WatchedMetrics) => number)[];
}

const CHARTS: readonly Curve[] = [
  {
    title: 'Loss',
    series: [
      { name: 'generator', color: 1 },
      { name: 'discriminator', color: 2 },
    ],
    limits: {},
    of: [({ generatorLoss }) => generatorLoss, ({ discriminatorLoss }) => discriminatorLoss],
  },
  {
    title: 'Probability of real',
    series: [
      { name: 'D(real)', color: 1 },
      { name: 'D(fake)', color: 2 },
    ],
    limits: { min: 0, max: 1 },
    of: [({ dReal }) => dReal, ({ dFake }) => dFake],
  },
  {
    title: 'Gradient norm',
    series: [
      { name: 'generator', color: 1 },
      { name: 'discriminator', color: 2 },
    ],
    limits: {},
    of: [({ generatorGradNorm }) => generatorGradNorm, ({ discriminatorGradNorm }) => discriminatorGradNorm],
  },
  {
    title: 'Speed',
    series: [{ name: 'images/s', color: 3 }],
    limits: { min: 0 },
    of: [({ imagesPerSecond }) => imagesPerSecond],
  },
];

/** The whole history of the run; a part that is zoomed into is fetched in more detail. */
export const Curves = memo(function Curves({ metrics, api }: { metrics: readonly WatchedMetrics[]; api: Api }) {
  const [smoothing, setSmoothing] = useState(0);
  const [logarithmic, setLogarithmic] = useState(false);
  const [part, setPart] = useState<Part>();
  const { lines, range } = useLines(api, metrics, part);
  const steps = useMemo(() => lines.map(({ step }) => step), [lines]);
  const values = useMemo(() => CHARTS.map(({ of }) => of.map((each) => lines.map(each))), [lines]);
  const zoom = useCallback((to: Range | undefined) => setPart(to), []);
  const span = SPANS[smoothing] ?? 0;
  const spanText = span === 0 ? 'none' : `${whole(span)} steps`;
  return (
    <Panel
      title="Curves"
      area="curves"
      aside={
        <div className="row controls">
          <Shown part={part} lastStep={metrics.at(-1)?.step ?? 0} choose={setPart} />
          <label>
            smoothing
            <input
              type="range"
              min={0}
              max={SPANS.length - 1}
              value={smoothing}
              aria-valuetext={spanText}
              onChange={(event) => setSmoothing(Number(event.target.value))}
            />
            <span className="span">{spanText}</span>
          </label>
          <label>
            <input type="checkbox" checked={logarithmic} onChange={(event) => setLogarithmic(event.target.checked)} />
            log scale
          </label>
        </div>
      }
    >
      <div className="charts" hidden={lines.length === 0}>
        {(lines.length === 0 ? [] : CHARTS).map((spec, i) => (
          <Chart
            key={spec.title}
            spec={spec}
            steps={steps}
            values={values[i] ?? []}
            span={span}
            logarithmic={logarithmic}
            range={range}
            zoom={zoom}
          />
        ))}
      </div>
      {lines.length === 0 ? (
        <p className="none">They begin with the first step.</p>
      ) : (
        <p className="hint">Drag over a chart to zoom in; double-click for the whole run.</p>
      )}
    </Panel>
  );
});

/** Which steps are shown, by keyboard and touch, too. */
function Shown({
  part,
  lastStep,
  choose,
}: {
  part: Part | undefined;
  lastStep: number;
  choose: (part: Part | undefined) => void;
}) {
  const dragged = part && part.to !== undefined;
  const value = !part ? 'whole' : dragged ? 'dragged' : String(part.last);
  return (
    <select
      aria-label="Steps shown"
      value={value}
      onChange={({ target }) =>
        choose(target.value === 'whole' ? undefined : { last: Number(target.value), since: lastStep })
      }
    >
      <option value="whole">whole run</option>
      {LAST_STEPS.map((count) => (
        <option key={count} value={count}>
          last {whole(count)} steps
        </option>
      ))}
      {dragged && (
        <option value="dragged">
          steps {whole(part.from)} to {whole(part.to)}
        </option>
      )}
    </select>
  );
}

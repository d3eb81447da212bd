import { metricOf, type EpochEvaluation, type Report, type WatchedMetrics } from '@gantry/core';
import { memo, useCallback, useMemo, useState } from 'react';
import type { Api } from '../api.ts';
import { Chart, type ChartSpec } from '../chart.tsx';
import { seriesColor, type Range } from '../chart-options.ts';
import { whole } from '../format.ts';
import { useLines, type Part } from '../history-part.ts';
import type { Unit } from '../rounds.ts';
import { DistanceChart } from './distance-chart.tsx';
import { Panel } from './panel.tsx';

/** Time constants of the moving average, in steps. */
const SPANS = [0, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/** Last steps that can be chosen without a mouse. */
const LAST_STEPS = [100, 1000];

interface Curve extends ChartSpec {
  readonly of: readonly ((line: WatchedMetrics) => number)[];
}

const SPEED: Curve = {
  title: 'Speed',
  series: [{ name: 'images/s', color: 3 }],
  limits: { min: 0 },
  of: [({ imagesPerSecond }) => imagesPerSecond],
};

/** The charts of what a model reports, in the order in which it does, and of the speed. */
function chartsOf(reports: readonly Report[]): readonly Curve[] {
  const titles = [...new Set(reports.map(({ chart }) => chart))];
  const ofModel = titles.map((title) => {
    const own = reports.filter(({ chart }) => chart === title);
    return {
      title,
      series: own.map(({ label }, i) => ({ name: label, color: seriesColor(i) })),
      limits: Object.assign({}, ...own.map(({ limits }) => limits)) as Curve['limits'],
      of: own.map(
        ({ name }) =>
          (line: WatchedMetrics) =>
            metricOf(line, name) ?? NaN,
      ),
    };
  });
  return [...ofModel, SPEED];
}

/** The whole history of the run; a part that is zoomed into is fetched in more detail. */
export const Curves = memo(function Curves({
  metrics,
  reports,
  evaluations,
  unit,
  api,
}: {
  metrics: readonly WatchedMetrics[];
  reports: readonly Report[];
  evaluations: readonly EpochEvaluation[];
  unit: Unit;
  api: Api;
}) {
  const charts = useMemo(() => chartsOf(reports), [reports]);
  const [smoothing, setSmoothing] = useState(0);
  const [logarithmic, setLogarithmic] = useState(false);
  const [part, setPart] = useState<Part>();
  const { lines, range } = useLines(api, metrics, part);
  const steps = useMemo(() => lines.map(({ step }) => step), [lines]);
  const values = useMemo(() => charts.map(({ of }) => of.map((each) => lines.map(each))), [charts, lines]);
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
        {(lines.length === 0 ? [] : charts).map((spec, i) => (
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
        {lines.length > 0 && evaluations.length > 0 && (
          <DistanceChart evaluations={evaluations} range={range} zoom={zoom} />
        )}
      </div>
      {lines.length === 0 ? (
        <p className="none">They begin {unit === 'step' ? 'with the first step' : 'after the first round'}.</p>
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

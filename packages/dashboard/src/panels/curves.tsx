import type { WatchedMetrics } from '@gantry/core';
import { memo, useCallback, useEffect, useMemo, useState } from 'react';
import type { Api } from '../api.ts';
import { Chart, type Range, type Series } from '../chart.tsx';
import { Panel } from './panel.tsx';

const DETAIL_POINTS = 1500;
const SMOOTHING_MAX = 50;

interface ChartSpec {
  readonly title: string;
  readonly series: readonly (Series & { readonly of: (line: WatchedMetrics) => number })[];
}

const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Losses',
    series: [
      { name: 'generator', color: 1, of: ({ generatorLoss }) => generatorLoss },
      { name: 'discriminator', color: 2, of: ({ discriminatorLoss }) => discriminatorLoss },
    ],
  },
  {
    title: 'Discriminator’s belief',
    series: [
      { name: 'D(real)', color: 1, of: ({ dReal }) => dReal },
      { name: 'D(fake)', color: 2, of: ({ dFake }) => dFake },
    ],
  },
  {
    title: 'Gradient norms',
    series: [
      { name: 'generator', color: 1, of: ({ generatorGradNorm }) => generatorGradNorm },
      { name: 'discriminator', color: 2, of: ({ discriminatorGradNorm }) => discriminatorGradNorm },
    ],
  },
  {
    title: 'Images per second',
    series: [{ name: 'images/s', color: 3, of: ({ imagesPerSecond }) => imagesPerSecond }],
  },
];

/** The whole history of the run; a part that is zoomed into is fetched in more detail. */
export const Curves = memo(function Curves({ metrics, api }: { metrics: readonly WatchedMetrics[]; api: Api }) {
  const [smoothing, setSmoothing] = useState(0);
  const [logarithmic, setLogarithmic] = useState(false);
  const [range, setRange] = useState<Range>();
  const detail = useDetail(api, range);
  const lines = detail ?? metrics;
  const steps = useMemo(() => lines.map(({ step }) => step), [lines]);
  const zoom = useCallback((to: Range | undefined) => setRange(to), []);
  return (
    <Panel
      title="Curves"
      area="curves"
      aside={
        <div className="row">
          {range && (
            <button type="button" onClick={() => setRange(undefined)}>
              Whole run
            </button>
          )}
          <label>
            <input type="checkbox" checked={logarithmic} onChange={(e) => setLogarithmic(e.target.checked)} /> log scale
          </label>
          <label>
            smoothing{' '}
            <input
              type="range"
              min={0}
              max={SMOOTHING_MAX}
              value={smoothing}
              onChange={(e) => setSmoothing(Number(e.target.value))}
            />
          </label>
        </div>
      }
    >
      <div className="charts">
        {CHARTS.map(({ title, series }) => (
          <Chart
            key={title}
            title={title}
            series={series}
            steps={steps}
            values={series.map(({ of }) => lines.map(of))}
            smoothing={smoothing}
            logarithmic={logarithmic}
            range={range}
            zoom={zoom}
          />
        ))}
      </div>
      <p className="hint">Drag over a chart to zoom, double-click for the whole run.</p>
    </Panel>
  );
});

/** The lines of a range in more detail than the page keeps; undefined until they are there. */
function useDetail(api: Api, range: Range | undefined): readonly WatchedMetrics[] | undefined {
  const [detail, setDetail] = useState<readonly WatchedMetrics[]>();
  useEffect(() => {
    if (!range) return undefined;
    const outdated = new AbortController();
    const [from, to] = [Math.max(1, Math.floor(range.from)), Math.max(1, Math.ceil(range.to))];
    api.history(from, to, DETAIL_POINTS, outdated.signal).then(setDetail, () => undefined);
    return () => {
      outdated.abort();
      setDetail(undefined);
    };
  }, [api, range]);
  return detail;
}

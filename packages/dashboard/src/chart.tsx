import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { short } from './format.ts';
import { smoothed } from './history.ts';

const HEIGHT = 180;
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- uPlot has its enums in its types alone
const LOGARITHMIC: uPlot.Scale.Distr.Logarithmic = 3;

export interface Series {
  readonly name: string;
  /** Number of a `--series-…` colour. */
  readonly color: 1 | 2 | 3;
}

/** Steps, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Curves over the steps, drawn by uPlot. Zooming and hovering hold for all charts together. */
export function Chart({
  title,
  series,
  steps,
  values,
  smoothing,
  logarithmic,
  range,
  zoom,
}: {
  title: string;
  series: readonly Series[];
  steps: readonly number[];
  /** One list per series, as long as `steps`. */
  values: readonly (readonly number[])[];
  /** Time constant of the moving average, in lines; 0 for none. */
  smoothing: number;
  logarithmic: boolean;
  range: Range | undefined;
  zoom: (range: Range | undefined) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(options(element, series, logarithmic, zoom), [[], ...series.map(() => [])], element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [series, logarithmic, zoom, theme]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    const curves = values.map((list) => positive(smoothed(list, smoothing), logarithmic));
    made.batch(() => {
      made.setData([[...steps], ...curves], false);
      const min = range?.from ?? steps[0] ?? 0;
      const max = range?.to ?? steps.at(-1) ?? 1;
      made.setScale('x', { min, max: Math.max(max, min + 1) });
    });
  }, [steps, values, smoothing, logarithmic, range, theme]);

  const last = values.map((list, i) => `${series[i]?.name ?? ''} ${short(list.at(-1) ?? NaN)}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} role="img" aria-label={`${title} over the steps; at the end: ${last}`} />
    </figure>
  );
}

function options(
  element: HTMLElement,
  series: readonly Series[],
  logarithmic: boolean,
  zoom: (range: Range | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: color('muted'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { stroke: color('line'), width: 1 },
    font: '11px system-ui, sans-serif',
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: {
      sync: { key: 'gantry' },
      drag: { x: true, y: false, setScale: false },
      bind: {
        dblclick: () => () => {
          zoom(undefined);
          return null;
        },
      },
    },
    legend: { live: true },
    scales: { x: { time: false }, y: logarithmic ? { distr: LOGARITHMIC } : {} },
    axes: [axis, { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : short(tick))) }],
    series: [
      { label: 'step' },
      ...series.map(({ name, color: number }) => ({
        label: name,
        stroke: color(`series-${number}`),
        width: 1.25,
        points: { show: false },
        value: (_: uPlot, value: number | null) => (value === null ? '–' : short(value)),
      })),
    ],
    hooks: {
      setSelect: [
        (made) => {
          const { left, width } = made.select;
          if (width < 4) return;
          zoom({ from: made.posToVal(left, 'x'), to: made.posToVal(left + width, 'x') });
          made.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A logarithmic scale has no place for 0. */
function positive(values: number[], logarithmic: boolean): (number | null)[] {
  return logarithmic ? values.map((value) => (value > 0 ? value : null)) : values;
}

/** uPlot draws with fixed colours: a chart is made anew when the page's theme changes. */
function useTheme(): string {
  const read = () => document.documentElement.dataset['theme'] ?? '';
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const observer = new MutationObserver(() => setTheme(read()));
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => observer.disconnect();
  }, []);
  return theme;
}

import uPlot from 'uplot';
import { mark, whole } from './format.ts';
import { logTicks } from './log-ticks.ts';

// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- uPlot has its enums in its types alone
const LOGARITHMIC: uPlot.Scale.Distr.Logarithmic = 3;
/** Beyond the smallest and the largest value. */
const LOG_ROOM = 1.1;
/** Colours of `--series-…`. */
const SERIES_COLORS = 3;
const POINT_PX = 5;
/** Narrower selections are clicks. */
const MIN_DRAG_PX = 4;

export interface Series {
  readonly name: string;
  /** Number of a `--series-…` colour. */
  readonly color: 1 | 2 | 3;
}

/** The colour of a chart's n-th curve, from 0; there are as many as are told apart by any eye. */
export function seriesColor(n: number): Series['color'] {
  return ((n % SERIES_COLORS) + 1) as Series['color'];
}

/** Steps, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface ChartSettings {
  readonly series: readonly Series[];
  /** Ends of the vertical axis; absent ones follow the values. */
  readonly limits: { readonly min?: number; readonly max?: number };
  readonly logarithmic: boolean;
  /** The values themselves are drawn behind their moving averages. */
  readonly hasShadows: boolean;
  /** The values are few, and each is marked where there is room. */
  readonly hasPoints: boolean;
  readonly zoom: (range: Range | undefined) => void;
  readonly onCursor: (plot: uPlot) => void;
}

/** Options for uPlot. Data: steps, a list per series, and with shadows another list per series. */
export function chartOptions(element: HTMLElement, settings: ChartSettings): uPlot.Options {
  const { series, logarithmic, hasShadows, hasPoints, zoom, onCursor, limits } = settings;
  const line = colorOf(element, 'line');
  const axis: uPlot.Axis = {
    stroke: colorOf(element, 'muted'),
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    gap: 6,
  };
  const curve = ({ color }: Series) => {
    const stroke = colorOf(element, `series-${color}`);
    const hasRoom = (plot: uPlot, _: number, first: number, last: number) =>
      (last - first) * POINT_PX < plot.over.clientWidth;
    return { stroke, points: { show: hasPoints && hasRoom, size: POINT_PX, fill: stroke } };
  };
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      sync: { key: 'gantry' },
      drag: { x: true, y: false, setScale: false },
      bind: {
        dblclick: () => () => {
          zoom(undefined);
          return null;
        },
      },
    },
    scales: {
      x: { time: false },
      y: logarithmic
        ? { distr: LOGARITHMIC, range: (_, low, high) => [low / LOG_ROOM, high * LOG_ROOM] }
        : {
            range: (_, low, high) => {
              const [min, max] = uPlot.rangeNum(low, high, 0.1, true);
              return [limits.min ?? min, limits.max ?? max];
            },
          },
    },
    axes: [
      {
        ...axis,
        size: 28,
        // Before the first mark there is room to say what they are.
        values: (_, ticks) => {
          const first = ticks.findIndex(Number.isInteger);
          return ticks.map((tick, i) => (Number.isInteger(tick) ? `${i === first ? 'step ' : ''}${whole(tick)}` : ''));
        },
      },
      {
        ...axis,
        size: 44,
        values: (_, ticks) => ticks.map(mark),
        ...(logarithmic && { splits: (_, __, low, high) => logTicks(low, high), filter: (_, ticks) => ticks }),
      },
    ],
    series: [
      {},
      ...series.map((each) => ({ ...curve(each), width: 1.5 })),
      ...(hasShadows ? series.map((each) => ({ ...curve(each), width: 1, alpha: 0.3 })) : []),
    ],
    hooks: {
      setCursor: [onCursor],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < MIN_DRAG_PX) return;
          const stepAt = (position: number) => Math.max(1, Math.round(plot.posToVal(position, 'x')));
          zoom({ from: stepAt(left), to: stepAt(left + width) });
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A colour of the page's, resolved: a canvas knows no custom properties. */
function colorOf(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`;
  const { color } = getComputedStyle(element);
  element.style.removeProperty('color');
  return color;
}

import { useCallback, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { chartOptions, type Range, type Series } from './chart-options.ts';
import { short, whole } from './format.ts';
import { smoothed } from './history.ts';
import { useTheme } from './theme.ts';

export interface ChartSpec {
  readonly title: string;
  readonly series: readonly Series[];
  /** Ends of the vertical axis; absent ones follow the values. */
  readonly limits: { readonly min?: number; readonly max?: number };
  /** The values are few, and each is marked where there is room. */
  readonly hasPoints?: boolean;
}

/** Curves over the steps, drawn by uPlot. Zooming and hovering hold for all charts together. */
export function Chart({
  spec,
  steps,
  values,
  span,
  logarithmic,
  range,
  zoom,
}: {
  spec: ChartSpec;
  /** Ascending. */
  steps: readonly number[];
  /** One list per series, as long as `steps`. */
  values: readonly (readonly number[])[];
  /** Time constant of the moving average, in steps; 0 for none. */
  span: number;
  logarithmic: boolean;
  range: Range;
  zoom: (range: Range | undefined) => void;
}) {
  const { title, series, limits, hasPoints = false } = spec;
  const figure = useRef<HTMLElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();
  const hasShadows = span > 0;

  /** Writes the values under the cursor, or the last ones that are shown; past React, since the pointer moves often. */
  const readOut = useCallback(
    (made: uPlot) => {
      const [xs = []] = made.data;
      const hovered = made.cursor.idx;
      const at = hovered ?? made.valToIdx(made.scales['x']?.max ?? Infinity);
      const write = (selector: string, text: string, nth = 0) => {
        const element = figure.current?.querySelectorAll(selector)[nth];
        if (element && element.textContent !== text) element.textContent = text;
      };
      write('.at', typeof hovered === 'number' ? `step ${whole(xs[at] ?? 0)}` : '');
      for (const [i] of series.entries()) write('.value', short(made.data[i + 1]?.[at] ?? NaN), i);
    },
    [series],
  );

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const settings = { series, limits, logarithmic, hasShadows, hasPoints, zoom, onCursor: readOut };
    const made = new uPlot(chartOptions(element, settings), undefined, element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [series, limits, logarithmic, hasShadows, hasPoints, zoom, readOut, theme]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    const curves = values.map((list) => smoothed(list, steps, span));
    const drawn = hasShadows ? [...curves, ...values] : curves;
    made.batch(() => {
      made.setData([[...steps], ...drawn.map((list) => drawable(list, logarithmic))], false);
      made.setScale('x', { min: range.from, max: range.to });
    });
    readOut(made);
  }, [steps, values, span, hasShadows, logarithmic, range, readOut, theme]);

  const last = values.map((list, i) => `${series[i]?.name ?? ''} ${short(list.at(-1) ?? NaN)}`).join(', ');
  return (
    <figure className="chart" ref={figure}>
      <figcaption>
        <strong>{title}</strong>
        {series.map(({ name, color }) => (
          <span key={name} className={`key series-${color}`}>
            {name} <span className="value" />
          </span>
        ))}
        <span className="at" />
      </figcaption>
      <div ref={place} className="plot" role="img" aria-label={`${title} over the steps; at the end: ${last}`} />
    </figure>
  );
}

/** A logarithmic scale has no place for 0. */
function drawable(values: readonly number[], logarithmic: boolean): (number | null)[] {
  return logarithmic ? values.map((value) => (value > 0 ? value : null)) : [...values];
}

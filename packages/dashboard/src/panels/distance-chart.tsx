import { distanceOf, type EpochEvaluation } from '@gantry/core';
import { useMemo } from 'react';
import type { Range, Series } from '../chart-options.ts';
import { Chart } from '../chart.tsx';
import { comparable, distanceName } from '../evaluations.ts';

const SERIES: readonly Series[] = [{ name: 'to real images', color: 1 }];
const NO_LIMITS = {};

/** How far the pictures of each epoch are from real ones, as far as the features that judged the last ones tell. */
export function DistanceChart({
  evaluations,
  range,
  zoom,
}: {
  /** One at least. */
  evaluations: readonly EpochEvaluation[];
  range: Range;
  zoom: (range: Range | undefined) => void;
}) {
  const drawn = useMemo(() => comparable(evaluations), [evaluations]);
  const steps = useMemo(() => drawn.map(({ step }) => step), [drawn]);
  const values = useMemo(() => [drawn.map(distanceOf)], [drawn]);
  const [first] = drawn;
  return (
    first && (
      <Chart
        spec={{ title: distanceName(first), series: SERIES, limits: NO_LIMITS, hasPoints: true }}
        steps={steps}
        values={values}
        span={0}
        logarithmic
        range={range}
        zoom={zoom}
      />
    )
  );
}

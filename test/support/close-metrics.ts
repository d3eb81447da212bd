import type { MetricsLine } from '@gantry/coordinator';
import { metricOf } from '@gantry/core';
import { expect } from 'vitest';

const NAMES = ['generatorLoss', 'discriminatorLoss', 'generatorGradNorm', 'discriminatorGradNorm'] as const;

/** What two engines computed of the same step: the same, but for the rounding of float32. */
export function expectCloseMetrics(actual: MetricsLine, expected: MetricsLine): void {
  for (const name of NAMES)
    expect((metricOf(actual, name) ?? NaN) / (metricOf(expected, name) ?? NaN)).toBeCloseTo(1, 5);
}

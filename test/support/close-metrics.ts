import type { MetricsLine } from '@gantry/coordinator';
import { expect } from 'vitest';

const NAMES = ['generatorLoss', 'discriminatorLoss', 'generatorGradNorm', 'discriminatorGradNorm'] as const;

/** What two engines computed of the same step: the same, but for the rounding of float32. */
export function expectCloseMetrics(actual: MetricsLine, expected: MetricsLine): void {
  for (const name of NAMES) expect(actual[name] / expected[name]).toBeCloseTo(1, 5);
}

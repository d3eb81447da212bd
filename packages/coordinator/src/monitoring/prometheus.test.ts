import type { Report } from '@gantry/core';
import { reportsOf } from '@gantry/core/tfjs';
import { tiny } from '@gantry/models';
import { expect, test } from 'vitest';
import { doSteps, metricsLine, watchedRun } from '../testing/watched.ts';
import { runMetrics } from './prometheus.ts';

const report = (name: string): Report => ({ name, chart: 'Other', label: name });

/** What is there of what the model reports: values by name. */
async function metrics(reports: readonly Report[], done: number): Promise<Record<string, number>> {
  const { watch } = watchedRun(reports);
  if (done > 0) doSteps(watch, 1, done);
  const text = await runMetrics(watch).metrics();
  return Object.fromEntries(
    [...text.matchAll(/^gantry_metric\{name="([^"]*)"\} (\S+)$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
}

test('what the model reports is there under its names, and nothing else of the line', async () => {
  const reports = reportsOf(tiny());
  const line: Readonly<Record<string, unknown>> = { ...metricsLine(4) };
  expect(await metrics(reports, 4)).toEqual(Object.fromEntries(reports.map(({ name }) => [name, line[name]])));
  expect(reports.map(({ name }) => name)).toEqual([
    'generatorLoss',
    'discriminatorLoss',
    'dReal',
    'dFake',
    'generatorGradNorm',
    'discriminatorGradNorm',
  ]);
});

test('what a model does not report is not there, nor what a step has not reported', async () => {
  expect(await metrics([report('dReal'), report('notYet')], 1)).toEqual({ dReal: 0.5 });
  expect(await metrics([], 1)).toEqual({});
});

test('before the first step there is none', async () => {
  expect(await metrics([report('dReal')], 0)).toEqual({});
});

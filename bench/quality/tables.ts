import { digits, table } from '@gantry/cli/bench';
import type { Bounds, Findings, RunRecord } from './results.ts';

/** The Fréchet distance of each epoch. A markdown table. */
export function distanceTable(runs: readonly RunRecord[]): string {
  const epochs = [...new Set(runs.flatMap((run) => run.epochs.map(({ epoch }) => epoch)))].toSorted((a, b) => a - b);
  const rows = runs.map((run) => [
    run.name,
    ...epochs.map((epoch) => text(run.epochs.find((findings) => findings.epoch === epoch)?.frechetDistance)),
  ]);
  return table(['Fréchet distance after epoch', ...epochs.map(String)], rows);
}

/** All figures of the last epoch. A markdown table. */
export function lastEpochTable(runs: readonly RunRecord[], bounds: Bounds | undefined): string {
  const rows = runs.map((run) => {
    const last = run.epochs.at(-1);
    return [run.name, text(last?.epoch), text(run.seconds), ...figuresOf(last)];
  });
  const bound = (name: string, findings: Findings | undefined) => [name, '', '', ...figuresOf(findings)];
  return table(
    ['run', 'epoch', 'training, s', ...Object.values(FIGURES)],
    [...rows, bound('real images', bounds?.floor), bound('noise', bounds?.noise)],
  );
}

const FIGURES = {
  frechetDistance: 'Fréchet distance',
  precision: 'precision',
  recall: 'recall',
  score: 'score',
  classEntropy: 'class entropy',
  nearestTraining: 'nearest training image',
} as const satisfies Partial<Record<keyof Findings, string>>;

function figuresOf(findings: Findings | undefined): string[] {
  return Object.keys(FIGURES).map((name) => text(findings?.[name as keyof typeof FIGURES]));
}

function text(value: number | undefined): string {
  return value === undefined ? '' : digits(value);
}

import { spreadOf, type Evaluation } from './api/evaluate.ts';
import type { Findings } from '@gantry/evaluation';

/** What each figure is called, in the order in which they are told. */
const FIGURES: readonly (readonly [keyof Findings, string, string])[] = [
  ['frechetDistance', 'Fréchet distance', '0 is best'],
  ['slicedWassersteinDistance', 'sliced Wasserstein distance', '0 is best'],
  ['score', 'classifier score', '1 to 10, more is better'],
  ['classEntropy', 'class entropy', '1: all classes alike'],
  ['labelAgreement', 'label agreement', 'part taken for the class that was asked for'],
  ['precision', 'precision', 'part that looks real'],
  ['recall', 'recall', 'part of the real ones that is covered'],
  ['nearestTraining', 'nearest training image', 'far below real ones: learnt by heart'],
];

const NO_FLOOR = 'no images are held out of the training: they were compared with those of the training itself';

/** An evaluation for people, as a table. */
export function evaluationText(source: string, { step, draws, floor, noise }: Evaluation): string {
  const [first] = draws;
  const of = step === undefined ? source : `${source}, step ${step}`;
  const drawn = `${draws.length === 1 ? 'one draw' : `${draws.length} draws`} of ${first?.samples ?? 0} pictures`;
  const rows = FIGURES.flatMap(([name, title, meaning]) => {
    const spread = spreadOf(draws, name);
    if (!spread) return [];
    const range = draws.length > 1 ? ` (${figure(spread.least)}–${figure(spread.most)})` : '';
    return [[title, `${figure(spread.mean)}${range}`, cell(floor?.[name]), cell(noise[name]), meaning]];
  });
  const real = floor && (floor.samples === first?.samples ? 'real' : `real, ${floor.samples}`);
  const table = [['', 'generated', real ?? '', 'noise', ''], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    of,
    `${drawn}, judged by ${noise.features}`,
    ...(floor ? [] : [NO_FLOOR]),
    '',
    ...lines,
    ...sharesLine(draws),
    '',
  ].join('\n');
}

/** How the pictures are spread over the classes. */
function sharesLine(draws: readonly Findings[]): string[] {
  const [first] = draws;
  if (!first?.classShares) return [];
  const means = first.classShares.map((_, i) => {
    return draws.reduce((sum, { classShares }) => sum + (classShares?.[i] ?? 0), 0) / draws.length;
  });
  return ['', `classes: ${means.map((share, i) => `${i} ${(100 * share).toFixed(1)}%`).join(', ')}`];
}

function cell(value: unknown): string {
  return typeof value === 'number' ? figure(value) : '';
}

function figure(value: number): string {
  return value.toPrecision(4);
}

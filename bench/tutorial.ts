/**
 * The tutorial as it stands, fifty epochs on all of MNIST, and how good its pictures become:
 *
 *     npm run bench:tutorial                  an hour or so; in runs/tutorial, where it goes on if it was cut off
 *     npm run bench:tutorial -- --run DIR     in another directory
 *
 * Writes bench/results/tutorial.json, and in docs/images the animation, the last grid, and grids of an early epoch with both
 * kinds of batch-norm statistics.
 */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openRun, type Evaluation } from '@gantry/cli';
import { describeMachine, digits, machineText, table } from '@gantry/cli/bench';
import { BATCH_NORMS, type EpochEvaluation } from '@gantry/core';
import { longResultOf } from './quality/processes.ts';
import { epochName } from './quality/trained-run.ts';

const GANTRY = fileURLToPath(new URL('../packages/gantry/bin/gantry.js', import.meta.url));
const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
/** Whose pictures are judged thoroughly. */
const JUDGED = [1, 2, 5, 10, 20, 30, 40, 50];
/** Whose statistics lag so much that one sees it. */
const EARLY = 2;
const EARLY_SEED = 0;

const { values: flags } = parseArgs({ options: { run: { type: 'string', default: join('runs', 'tutorial') } } });
const { run: path } = flags;
const gantry = <T>(...args: string[]) => longResultOf<T>(process.execPath, [GANTRY, ...args, '--json']);

const train = ['train', '--keep-generators', '--run', path, '--exit'];
if (!existsSync(join(path, 'summary.json'))) {
  await gantry<unknown>(...train, ...(existsSync(join(path, 'run.json')) ? ['--resume'] : []));
}
const run = await openRun(path);
const evaluations: EpochEvaluation[] = [];
for await (const line of run.evaluations()) evaluations.push(line);

const generatorOf = (epoch: number) => join(path, 'generators', epochName(epoch));
const judged: ({ readonly epoch: number } & Evaluation)[] = [];
for (const epoch of JUDGED) {
  const { draws, floor, noise } = await gantry<Evaluation>('evaluate', generatorOf(epoch));
  judged.push({ epoch, draws, ...(floor && { floor }), noise });
  console.error(`judged epoch ${epoch}`);
}

copyFileSync(join(path, 'samples.gif'), join(IMAGES, 'samples.gif'));
copyFileSync(join(path, 'samples', `${epochName(JUDGED.at(-1) ?? 0)}.png`), join(IMAGES, 'samples.png'));
for (const batchNorm of BATCH_NORMS) {
  const out = join(IMAGES, `epoch-${EARLY}-${batchNorm}.png`);
  const options = ['--seed', String(EARLY_SEED), '--batch-norm', batchNorm, '--out', out];
  await gantry<unknown>('generate', generatorOf(EARLY), ...options);
}

const machine = describeMachine();
const { config, versions } = run.record;
const results = { machine, command: `npx gantry ${train.join(' ')}`, config, versions, summary: await run.summary() };
const file = new URL('results/tutorial.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ ...results, evaluations, judged }, undefined, 2)}\n`);

console.log(`${machineText(machine)}; three draws of 10,000 pictures\n`);
const figure = (values: readonly (number | undefined)[]) => {
  const known = values.map((value) => value ?? NaN);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const range = known.length > 1 ? ` (${digits(Math.min(...known))}–${digits(Math.max(...known))})` : '';
  return `${digits(mean)}${range}`;
};
const row = (name: string, findings: Evaluation['draws']) => [
  name,
  figure(findings.map(({ frechetDistance }) => frechetDistance)),
  figure(findings.map(({ score }) => score)),
  figure(findings.map(({ classEntropy }) => classEntropy)),
  figure(findings.map(({ precision }) => precision)),
  figure(findings.map(({ recall }) => recall)),
  figure(findings.map(({ nearestTraining }) => nearestTraining)),
];
const [bounds] = judged;
console.log(
  table(
    ['epoch', 'Fréchet distance', 'score', 'class entropy', 'precision', 'recall', 'nearest training image'],
    [
      ...(bounds ? [row('noise', [bounds.noise])] : []),
      ...judged.map(({ epoch, draws }) => row(String(epoch), draws)),
      ...(bounds?.floor ? [row('real images', [bounds.floor])] : []),
    ],
  ),
);

/**
 * How good Gantry's pictures are beside those of the tutorial in Keras, and what shard sizes do:
 *
 *     npm run bench:quality                             five runs, over an hour; writes bench/results/quality.json
 *     npm run bench:quality -- --only 'gantry seed 2'   this run alone; more of them by more --only
 *     npm run bench:quality -- --reference pytorch      beside PyTorch instead
 *     npm run bench:quality -- --epochs 20              so many instead of ten; of other shards, six at most
 *     npm run bench:quality -- --fresh                  forgets what earlier ones came to, with --only of these runs
 *     npm run bench:quality -- --judge-anew             trains nothing that is trained, and judges all of it again
 *     npm run bench:quality -- --quick                  a reference and one run on 2,560 images for an epoch; writes nothing
 *
 * Runs train one after another, and the pictures of each of their epochs are judged by `gantry evaluate`. What the results hold
 * is not done again: a bench that was cut off goes on. It works in bench/.quality. Needs Python with tensorflow-cpu 2.21 or
 * torch 2.13 (PYTHON names another one); a reference that is missing is left out.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, digits, temporaryDirectory } from '@gantry/cli/bench';
import { versionOf } from './peers/contenders.ts';
import { evaluateCommand, gantryRun, judge } from './quality/gantry-run.ts';
import { FULL, QUICK, REFERENCES, plannedRuns, type PlannedRun } from './quality/plan.ts';
import { isInterrupted } from './quality/processes.ts';
import { referenceRun } from './quality/reference-run.ts';
import { Results } from './quality/results.ts';
import { distanceTable, lastEpochTable } from './quality/tables.ts';

const { values: flags } = parseArgs({
  options: {
    reference: { type: 'string', default: 'keras' },
    epochs: { type: 'string' },
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
    'judge-anew': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
// So that the commands in the results work wherever the repository is.
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const work = flags.quick ? temporaryDirectory() : join('bench', '.quality');
const results = new Results(flags.quick ? undefined : join('bench', 'results', 'quality.json'));
const chosen = chosenRuns();

/** @throws Error for a name or a number that is of no use */
function chosenRuns(): PlannedRun[] {
  const reference = REFERENCES.find((name) => name === flags.reference);
  if (!reference) throw new Error(`--reference ${flags.reference}: expected one of ${REFERENCES.join(', ')}`);
  const effort = flags.quick ? QUICK : FULL;
  const epochs = Number(flags.epochs ?? effort.epochs);
  if (!(Number.isInteger(epochs) && epochs >= 1)) throw new Error('--epochs: expected a whole number of at least 1');
  const all = plannedRuns(reference, { ...effort, epochs });
  const names = flags.only ?? (flags.quick ? all.slice(0, 2) : all).map(({ name }) => name);
  for (const name of names) {
    if (all.some((run) => run.name === name)) continue;
    throw new Error(`--only '${name}': expected one of ${all.map((run) => `'${run.name}'`).join(', ')}`);
  }
  return all.filter(({ name }) => names.includes(name));
}

function folderOf({ name }: PlannedRun): string {
  return join(work, name.replaceAll(' ', '-'));
}

function forget(runs: readonly PlannedRun[] | undefined): void {
  results.forget(runs?.map(({ name }) => name));
  for (const folder of runs?.map(folderOf) ?? [work]) rmSync(folder, { recursive: true, force: true });
}

/** Trains a run and judges its epochs, as far as that was not done. */
async function perform(run: PlannedRun): Promise<void> {
  const { name, settings } = run;
  if (results.missing(run).length === 0) {
    console.error(`${name}: done before`);
    return;
  }
  if (await isMissing(run)) {
    console.error(`${name}: skipped, for Python does not find ${settings.trainer}`);
    return;
  }
  const { trainer, samples } = settings;
  const folder = folderOf(run);
  const training = trainer === 'gantry' ? gantryRun(settings, folder) : referenceRun(trainer, settings, folder);
  // Another training may come to other figures.
  if (!training.hasBegun) forget([run]);
  mkdirSync(folder, { recursive: true });
  const machine = results.of(run)?.machine ?? describeMachine();
  console.error(`${name}: ${training.command}`);
  const { seconds, version } = await training.train();
  const commands = { train: training.command, evaluate: evaluateCommand(training.picturesOf(1), samples) };
  results.put({ name, settings, machine, version, commands, seconds });
  for (const epoch of results.missing(run)) {
    const { draws, floor, noise } = await judge(training.picturesOf(epoch), samples);
    const [findings] = draws;
    if (!findings) throw new TypeError('gantry evaluate drew nothing');
    results.add(name, epoch, findings, { ...(floor && { floor }), noise });
    console.error(`${name}, epoch ${epoch}: Fréchet distance ${digits(findings.frechetDistance ?? NaN)}`);
  }
}

async function isMissing({ settings: { trainer } }: PlannedRun): Promise<boolean> {
  return trainer !== 'gantry' && (await versionOf(trainer === 'keras' ? 'keras' : 'torch')) === undefined;
}

if (flags.fresh) forget(flags.only && chosen);
if (flags['judge-anew']) results.forgetFindings(chosen.map(({ name }) => name));
for (const run of chosen) {
  try {
    await perform(run);
  } catch (error) {
    // The others may go well; this one goes on with the next bench.
    console.error(`${run.name}: ${(error as Error).message}`);
    process.exitCode = 1;
    if (isInterrupted()) process.exit();
  }
}
if (results.runs.length > 0) {
  console.log(`${distanceTable(results.runs)}\n\n${lastEpochTable(results.runs, results.bounds)}`);
}

import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochEvaluation } from '@gantry/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Dashboard } from './support/dashboard.ts';
import {
  Gantry,
  gantry,
  gantryOk,
  lineCount,
  readJson,
  readJsonLines,
  temporaryDirectory,
  whenFiles,
} from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Eight epochs of four steps, a checkpoint after each step. */
const IMAGES = 64;
const SIZES = ['--epochs', '8', '--seed', '7', '--limit', String(IMAGES), '--batch', '16', '--shard-size', '4'];
const RUN = [...TINY, ...SIZES, '--evaluate-every', '2', '--keep-generators', '--checkpoint-every', '1'];

const evaluations = (run: string) => readFileSync(join(run, 'evaluations.jsonl'), 'utf8');
const lines = (run: string) => readJsonLines<EpochEvaluation>(run, 'evaluations.jsonl');

async function trained(...options: string[]): Promise<string> {
  const run = join(temporaryDirectory(), 'run');
  await gantryOk('train', ...RUN, ...options, '--run', run);
  return run;
}

/** A file that a command writes. */
async function drawn(...args: string[]): Promise<Buffer> {
  const out = join(temporaryDirectory(), 'drawn.png');
  await gantryOk('generate', ...args, '--count', '16', '--seed', '7', '--out', out);
  return readFileSync(out);
}

describe('a run with evaluations', () => {
  let run: string;
  beforeAll(async () => {
    run = await trained('--workers', '0', '--threads', '1');
  });

  it('has a line for every second epoch', () => {
    expect(lines(run).map(({ epoch, step }) => [epoch, step])).toEqual([2, 4, 6, 8].map((epoch) => [epoch, 4 * epoch]));
    for (const { features, samples, slicedWassersteinDistance } of lines(run)) {
      expect({ features, samples }).toEqual({ features: 'patches', samples: IMAGES });
      expect(slicedWassersteinDistance).toBeGreaterThan(0);
    }
  });

  it('has the same lines with other workers', async () => {
    expect(evaluations(await trained('--workers', '2'))).toBe(evaluations(run));
  });

  it('has the same lines where it was killed again and again', async () => {
    const killed = join(temporaryDirectory(), 'run');
    const hasCome = (path: string, epoch: number) =>
      epoch === 4
        ? lineCount(path, 'evaluations.jsonl') > 1
        : existsSync(join(path, 'samples', `epoch-000${epoch}.png`));
    for (const epoch of [1, 2, 4, 5]) {
      const options = existsSync(killed) ? [...TINY_DATA, '--resume'] : RUN;
      const process = new Gantry(['train', ...options, '--workers', '0', '--threads', '1', '--run', killed]);
      // Before an epoch's evaluation begins, while it goes on, or right after it is recorded.
      await whenFiles(() => hasCome(killed, epoch));
      process.process.kill('SIGKILL');
      await process.finished;
    }
    await gantryOk('train', ...TINY_DATA, '--resume', '--workers', '0', '--run', killed);
    expect(evaluations(killed)).toBe(evaluations(run));
    const [best, undisturbed] = [killed, run].map((path) => readlinkSync(join(path, 'checkpoints/best')));
    expect(best).toBe(undisturbed);
  });

  it('keeps the best checkpoint, and says which it is', async () => {
    const [best] = lines(run).toSorted(
      (a, b) => (a.slicedWassersteinDistance ?? NaN) - (b.slicedWassersteinDistance ?? NaN),
    );
    if (!best) throw new Error('no line');
    expect(readJson<{ best: EpochEvaluation }>(run, 'summary.json').best).toEqual(best);
    expect(readlinkSync(join(run, 'checkpoints/best'))).toBe(`step-${String(best.step).padStart(8, '0')}`);
    const grid = readFileSync(join(run, `samples/epoch-000${best.epoch}.png`));
    expect((await drawn(run, '--best')).equals(grid)).toBe(true);
    expect((await drawn(join(run, 'checkpoints/best'))).equals(grid)).toBe(true);
  });

  it('keeps the generator of each epoch, which draws what its grid shows', async () => {
    for (const epoch of [1, 5]) {
      const grid = readFileSync(join(run, `samples/epoch-000${epoch}.png`));
      expect((await drawn(join(run, `generators/epoch-000${epoch}`))).equals(grid)).toBe(true);
    }
  });

  it('draws with recalibrated statistics where it is asked to', async () => {
    const grid = readFileSync(join(run, 'samples/epoch-0008.png'));
    const recalibrated = await drawn(run, '--batch-norm', 'recalibrated');
    expect(recalibrated.equals(grid)).toBe(false);
    const other = await trained('--workers', '0', '--epochs', '8', '--batch-norm', 'recalibrated');
    expect(readFileSync(join(other, 'samples/epoch-0008.png')).equals(recalibrated)).toBe(true);
  });

  it('is judged by the command as it judged itself, and twice the same', async () => {
    const [last] = lines(run).toReversed();
    const args = ['evaluate', run, '--samples', '2000', '--draws', '2', '--seed', '7', '--json'];
    const { stdout } = await gantryOk(...args);
    const evaluation = JSON.parse(stdout) as { step: number; draws: EpochEvaluation[] };
    expect(evaluation.step).toBe(32);
    expect(evaluation.draws[0]?.slicedWassersteinDistance).toBe(last?.slicedWassersteinDistance);
    expect(evaluation.draws[1]?.slicedWassersteinDistance).not.toBe(last?.slicedWassersteinDistance);
    expect((await gantryOk(...args)).stdout).toBe(stdout);
  });

  it('is told for people, too, and of one checkpoint', async () => {
    const options = ['--samples', '50', '--draws', '1'];
    const { stdout } = await gantryOk('evaluate', run, '--checkpoint', '31', ...options);
    expect(stdout).toMatch(
      /step-00000031, step 31\none draw of 50 pictures, judged by patches\nno images are held out/,
    );
    expect(stdout).toMatch(/^sliced Wasserstein distance +[\d.]+ +[\d.]+ +0 is best$/m);
    expect((await gantryOk('evaluate', run, '--checkpoint', 'best', ...options)).stdout).toContain(
      `${readlinkSync(join(run, 'checkpoints/best'))}, step `,
    );
  });

  it('says in one line what it cannot evaluate', async () => {
    const unevaluated = join(temporaryDirectory(), 'run');
    await gantryOk(
      'train',
      ...TINY,
      '--epochs',
      '1',
      '--limit',
      '16',
      '--batch',
      '16',
      '--workers',
      '0',
      '--run',
      unevaluated,
    );
    const pictures = join(temporaryDirectory(), 'pictures.npy');
    await gantryOk('generate', run, '--count', '16', '--out', pictures);
    for (const [args, message] of [
      [['evaluate', run, '--checkpoint', '3'], /no checkpoint of step 3: there are .*32 \[E_CHECKPOINT\]/],
      [['evaluate', join(run, 'none')], /none is neither a checkpoint nor a run with one \[E_CHECKPOINT\]/],
      [['evaluate', pictures], /pictures\.npy has pictures of 8×8×1, and .* of 28×28×1: .* --data \[E_DATASET\]/],
      [
        ['evaluate', pictures, '--draws', '2'],
        /--draws is for generators, and .*pictures\.npy has pictures \[E_CONFIG\]/,
      ],
      [['evaluate', 'missing.npy'], /missing\.npy cannot be read: .* \[E_CONFIG\]/],
      [['generate', unevaluated, '--best'], /no best checkpoint: none of its epochs was evaluated \[E_CHECKPOINT\]/],
      [['evaluate', unevaluated, '--checkpoint', 'best'], /no best checkpoint/],
    ] as const) {
      const { code, stderr } = await gantry(...args);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^gantry: [^\n]*\n$/)]);
      expect(stderr).toMatch(message);
    }
  });
});

it('those who watch a run see how good its pictures are, beside real ones', async () => {
  const run = join(temporaryDirectory(), 'run');
  const sizes = ['--epochs', '1000', '--limit', '64', '--batch', '16', '--shard-size', '4', '--evaluate-every', '2'];
  const training = new Gantry(['train', ...TINY, ...sizes, '--workers', '0', '--run', run]);
  const dashboard = await Dashboard.of(training);
  const { evaluations: seen } = await dashboard.watch().until(({ evaluations: some }) => some.length > 0);
  expect(seen[0]).toMatchObject({ epoch: 2, step: 8, features: 'patches' });
  const metrics = await (await dashboard.get('/metrics')).text();
  expect(metrics).toMatch(/^gantry_evaluation\{name="slicedWassersteinDistance"\} [\d.]+$/m);
  expect(metrics).toMatch(/^gantry_evaluation\{name="epoch"\} \d+$/m);
  const picture = await dashboard.get('/api/samples/real.png');
  expect(Buffer.from(await picture.arrayBuffer()).equals(readFileSync(join(run, 'samples/real.png')))).toBe(true);
  training.process.kill('SIGTERM');
  await training.finished;
});

import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { digestOf, gantryOk, temporaryDirectory } from '../support/gantry.ts';
import { TINY } from '../support/tiny.ts';
import { checkRun } from './check-run.ts';

/** Two epochs of three steps; their last batches of 12 are cut into shards of 8 and 4. */
const RUN = [...TINY, '--epochs', '2', '--seed', '7', '--limit', '44', '--batch', '16', '--shard-size', '8'];
const STEPS = 6;
const LAST_CHECKPOINT = join('checkpoints', 'step-00000006');

/** A run as if its worker had sent a sum for each step, and as if it had sent leaves: what it did depends on the moment. */
let summed: string;
let good: string;
beforeAll(async () => {
  summed = join(temporaryDirectory(), 'run');
  await gantryOk('train', ...RUN, '--workers', '1', '--run', summed);
  good = join(temporaryDirectory(), 'run');
  cpSync(summed, good, { recursive: true });
  const samplesOf = (step: unknown) => (Number(step) % 3 === 0 ? 12 : 16);
  const steps = (lines: Line[]) => lines.filter(({ step }, i) => step !== lines[i - 1]?.['step']);
  doctorLines(summed, 'work.jsonl', (lines) =>
    steps(lines).map((line) => ({ ...line, node: [1, 0], samples: samplesOf(line['step']) })),
  );
  doctorLines(good, 'work.jsonl', (lines) =>
    steps(lines).flatMap((line) => [
      { ...line, node: [0, 0], samples: 8 },
      { ...line, node: [0, 1], samples: samplesOf(line['step']) - 8 },
    ]),
  );
});

/** A copy of the good run that something has happened to. @returns what the checker finds */
async function violationsOf(doctor: (path: string) => void): Promise<readonly string[]> {
  const path = join(temporaryDirectory(), 'run');
  cpSync(good, path, { recursive: true });
  doctor(path);
  return (await checkRun(path)).violations;
}

type Line = Record<string, unknown>;

/** Rewrites the lines of a .jsonl file. */
function doctorLines(path: string, name: string, doctor: (lines: Line[]) => Line[]): void {
  const file = join(path, name);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const doctored = doctor(lines.map((line) => JSON.parse(line) as Line));
  writeFileSync(file, doctored.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

function doctorJson(path: string, name: string, changes: Line): void {
  const file = join(path, name);
  const content = JSON.parse(readFileSync(file, 'utf8')) as Line;
  writeFileSync(file, JSON.stringify({ ...content, ...changes }));
}

/** The lines with others in place of the one at an index. */
function replaced(lines: readonly Line[], index: number, ...by: readonly Line[]): Line[] {
  return lines.toSpliced(index, 1, ...by);
}

it('finds nothing wrong with a good run', async () => {
  expect((await checkRun(summed)).violations).toEqual([]);
  const { steps, epochs, weightsDigest, events, violations } = await checkRun(good);
  expect(violations).toEqual([]);
  expect({ steps, epochs, weightsDigest }).toEqual({ steps: STEPS, epochs: 2, weightsDigest: digestOf(good) });
  expect(events.get('finished')).toBe(1);
  expect(events.get('joined')).toBe(1);
});

const first = (lines: Line[]) => lines[0] ?? {};

it.each<[damage: string, file: string, doctor: (lines: Line[]) => Line[], violation: string]>([
  [
    'a step that comes twice',
    'metrics.jsonl',
    (lines) => [first(lines), ...lines],
    'metrics.jsonl, line 2: step 1 after step 1',
  ],
  [
    'a step that is missing',
    'metrics.jsonl',
    (lines) => lines.toSpliced(2, 1),
    'metrics.jsonl, line 3: step 4 after step 2',
  ],
  ['a last step that is missing', 'metrics.jsonl', (lines) => lines.slice(0, -1), 'metrics.jsonl: 5 lines for 6 steps'],
  [
    'steps in the wrong order',
    'metrics.jsonl',
    ([a, b, ...rest]) => [b ?? {}, a ?? {}, ...rest],
    'metrics.jsonl, line 2: step 1 after step 2',
  ],
  [
    'a step of another epoch',
    'metrics.jsonl',
    (lines) => replaced(lines, 0, { ...first(lines), epoch: 2 }),
    'metrics.jsonl, step 1: epoch 2 where it is of epoch 1',
  ],
  [
    'a shard that counts twice',
    'work.jsonl',
    (lines) => [first(lines), ...lines],
    'work.jsonl, step 1: 24 samples in a batch of 16',
  ],
  [
    'a shard that does not count',
    'work.jsonl',
    (lines) => lines.slice(1),
    'work.jsonl, epoch 1: 36 samples where there are 44',
  ],
  ['a shard in place of another one', 'work.jsonl', (lines) => replaced(lines, 1, first(lines)), 'counts twice'],
  [
    'a node over shards that count already',
    'work.jsonl',
    (lines) => replaced(lines, 0, { ...first(lines), node: [1, 0], samples: 16 }),
    'counts twice',
  ],
  [
    'a node that does not exist',
    'work.jsonl',
    (lines) => replaced(lines, 0, { ...first(lines), node: [0, 2] }),
    'work.jsonl, step 1, node [0,2]: not in a tree of 2 shards',
  ],
  [
    'samples that moved from one step to another',
    'work.jsonl',
    (lines) => replaced(lines, 0, { ...first(lines), samples: 4 }),
    '4 samples where there are 8',
  ],
  [
    'work of a step that never was',
    'work.jsonl',
    (lines) => [...lines, { ...first(lines), step: 7 }],
    'work.jsonl: step 7 of a run of 6 steps',
  ],
  ['work in the wrong order', 'work.jsonl', (lines) => lines.toReversed(), 'work.jsonl, line 3: step 5 after step 6'],
  [
    'two finishes',
    'events.jsonl',
    (lines) => [...lines, { type: 'finished', step: 6 }],
    'events.jsonl: finished 2 times',
  ],
  ['a lost beginning', 'events.jsonl', (lines) => lines.slice(1), 'events.jsonl: does not begin with the start'],
  [
    'workers that disagree',
    'events.jsonl',
    (lines) => [...lines, { type: 'bits-differ', step: 6, cause: 'a and b' }],
    'events.jsonl, step 6: bits-differ: a and b',
  ],
  [
    'work of a stranger',
    'events.jsonl',
    (lines) => [...lines, { type: 'classes-mixed', step: 6, cause: 'a and b' }],
    'events.jsonl, step 6: classes-mixed: a and b',
  ],
])('finds %s', async (_, file, doctor, violation) => {
  const violations = await violationsOf((path) => doctorLines(path, file, doctor));
  expect(violations.join('\n')).toContain(violation);
});

it.each(['metrics.jsonl', 'work.jsonl', 'events.jsonl'])('finds a torn line at the end of %s', async (name) => {
  const violations = await violationsOf((path) => writeFileSync(join(path, name), '{"step": 7', { flag: 'a' }));
  expect(violations).toEqual([`${name}: the last line is torn`]);
});

it.each(['metrics.jsonl', 'work.jsonl', 'events.jsonl'])('finds damage in the middle of %s', async (name) => {
  const violations = await violationsOf((path) => {
    const file = join(path, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace('{', '{{'));
  });
  expect(violations).toContain(`${name}, line 1: not JSON with a step`);
});

it('finds a summary of another run', async () => {
  const digest = '0'.repeat(64);
  const changes = { steps: 7, epochs: 3, weightsDigest: digest };
  const violations = await violationsOf((path) => doctorJson(path, 'summary.json', changes));
  expect(violations).toContain('summary.json: 3 epochs where run.json has 2');
  expect(violations).toContain('summary.json: 7 steps where 3 epochs have 9');
  const wrongDigest = await violationsOf((path) => doctorJson(path, 'summary.json', { weightsDigest: digest }));
  expect(wrongDigest.join()).toContain(`the summary says ${digest}`);
});

it('finds a final state that cannot be loaded, or is not there', async () => {
  const damaged = await violationsOf((path) => {
    const file = join(path, LAST_CHECKPOINT, 'generator.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
  });
  expect(damaged.join('\n')).toContain('checkpoints: step-00000006');
  const older = await violationsOf((path) => rmSync(join(path, LAST_CHECKPOINT), { recursive: true }));
  expect(older).toEqual([`checkpoints: the newest is of step 3, not ${STEPS}`]);
  const none = await violationsOf((path) => {
    for (const name of readdirSync(join(path, 'checkpoints'))) {
      rmSync(join(path, 'checkpoints', name), { recursive: true });
    }
  });
  expect(none).toEqual(['checkpoints: there is none']);
});

import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { Gantry, gantry, gantryOk, readJson, readJsonLines, temporaryDirectory } from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

interface Summary {
  readonly steps: number;
  readonly epochs: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly weightsDigest: string;
}

const IMAGES = 256;
const SIZES = ['--workers', '0', '--limit', String(IMAGES), '--batch', '64'];
const STEPS_PER_EPOCH = 4;

let run: string;

const resume = (...options: string[]) => [
  'train',
  '--resume',
  ...TINY_DATA,
  '--workers',
  '0',
  '--run',
  run,
  ...options,
];

/** Every file of the run with its bytes. */
function contents(): Map<string, string> {
  const entries = readdirSync(run, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'latin1')]),
  );
}

async function expectRefusal(args: readonly string[], line: RegExp): Promise<void> {
  const before = contents();
  const { code, stderr } = await gantry(...args);
  expect(stderr).toMatch(line);
  expect(code).toBe(1);
  expect(contents()).toEqual(before);
}

describe('a resumed run', () => {
  beforeEach(async () => {
    run = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...TINY, ...SIZES, '--epochs', '2', '--run', run);
  });

  it('is refused where it has done more than it is asked for', async () => {
    const line = /^gantry: cannot resume with --epochs 1: it has done 8 steps, and 1 epochs are 4; .* \[E_RESUME\]\n$/;
    await expectRefusal(resume('--epochs', '1'), line);
    const file = join(temporaryDirectory(), 'less.json');
    writeFileSync(file, '{"epochs":1}');
    await expectRefusal(resume('--config', file), /^gantry: cannot resume with epochs 1 in \S+: it has done 8 steps/);
  });

  it('is refused where a later version of Gantry began it, by that version', async () => {
    const { checksum: _, ...record } = readJson<{ checksum: string }>(run, 'run.json');
    writeFileSync(join(run, 'run.json'), JSON.stringify({ ...record, format: 3, versions: { gantry: '7.8.9' } }));
    await expectRefusal(resume('--epochs', '3'), /^gantry: \S+run\.json: Gantry 7\.8\.9 wrote it in format 3, .*\n$/);
  });

  it('has figures of all of its steps, whichever process did them', async () => {
    const first = readJson<Summary>(run, 'summary.json');
    await gantryOk(...resume('--epochs', '3'));
    const summary = readJson<Summary>(run, 'summary.json');
    const steps = readJsonLines<{ ms: { total: number } }>(run, 'metrics.jsonl');
    const seconds = steps.reduce((sum, { ms }) => sum + ms.total, 0) / 1000;
    expect(steps).toHaveLength(3 * STEPS_PER_EPOCH);
    expect(summary).toMatchObject({
      steps: 3 * STEPS_PER_EPOCH,
      epochs: 3,
      seconds,
      imagesPerSecond: (3 * IMAGES) / seconds,
    });
    expect(summary.seconds).toBeGreaterThan(first.seconds);
    // One that is done has nothing left to do, and comes to the same.
    await gantryOk(...resume());
    expect(readJson<Summary>(run, 'summary.json')).toEqual(summary);
  });

  it('comes to its end where a sample grid cannot be read', async () => {
    const damaged = join(run, 'samples', 'epoch-0001.png');
    writeFileSync(damaged, readFileSync(damaged).subarray(0, 100));
    const { stderr } = await gantryOk(...resume('--epochs', '3'));
    expect(stderr).toContain('epoch-0001.png cannot be read: samples.gif goes without\n');
    const { pages, delay } = await sharp(join(run, 'samples.gif'), { animated: true }).metadata();
    expect([pages, delay]).toEqual([3, [150, 150, 2000]]);
    for (const epoch of ['0000', '0002', '0003']) writeFileSync(join(run, 'samples', `epoch-${epoch}.png`), '');
    await gantryOk(...resume('--epochs', '4'));
    expect((await sharp(join(run, 'samples.gif'), { animated: true }).metadata()).pages).toBe(1);
  });
});

describe('a start that fails', () => {
  const port = async (holder: Gantry) => (await holder.output(/worker\.tgz ws:\/\/127\.0\.0\.1:(\d+)/))[1];

  it('leaves no run behind, and nothing that a bare --resume would take', async () => {
    const holder = new Gantry([
      'coordinator',
      ...TINY,
      '--listen',
      '127.0.0.1:0',
      '--run',
      join(temporaryDirectory(), 'run'),
    ]);
    const listen = ['--listen', `127.0.0.1:${await port(holder)}`];
    const folder = temporaryDirectory();
    const refused = await gantry('coordinator', ...TINY, ...listen, '--run', join(folder, 'new'));
    expect(refused.stderr).toMatch(/^gantry: cannot listen on .* \[E_CONFIG\]\n$/);
    expect(readdirSync(folder)).toEqual([]);

    // What was there before stays.
    const made = mkdtempSync(join(folder, 'made-'));
    expect((await gantry('coordinator', ...TINY, ...listen, '--run', made)).code).toBe(1);
    expect(readdirSync(made)).toEqual([]);
    holder.process.kill('SIGKILL');
    await holder.finished;
  });
});

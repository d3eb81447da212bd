import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { colourPictures } from './support/colour-pictures.ts';
import { readJson, readJsonLines, temporaryDirectory } from './support/gantry.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');
/** What makes a run short; later options win over those of the example. */
const SHORT = '--epochs 1 --limit 16 --batch 8 --shard-size 8 --workers 0 --threads 1 --exit';

const commandsOf = (section: string) => /^```sh\n(.*?)^```$/ms.exec(section)?.[1]?.trim().split('\n') ?? [];
const EXAMPLES = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', commandsOf(section)] as const),
);

/** Runs the commands of an example as they stand, but short. @returns where */
async function runExample(title: string): Promise<string> {
  const folder = temporaryDirectory();
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  if (title === 'Pictures in colours') symlinkSync(await colourPictures(24), join(folder, 'photos'));
  for (const command of EXAMPLES.get(title) ?? []) {
    const line = command.includes(' train ') ? `${command} ${SHORT}` : command;
    const { status, stderr } = spawnSync(line, { cwd: folder, shell: true, encoding: 'utf8' });
    expect(status, `${line}: ${stderr}`).toBe(0);
  }
  return folder;
}

const modelOf = (run: string) => readJson<{ config: { model: string } }>(run, 'run.json').config.model;
const isPng = (...path: string[]) =>
  readFileSync(join(...path))
    .subarray(1, 4)
    .toString() === 'PNG';

describe('the examples', () => {
  it('are all tried here', () => {
    expect([...EXAMPLES.keys()]).toEqual([
      'The tutorial',
      'Pictures in colours',
      'A WGAN with gradient penalty',
      'A GAN that draws what is asked for',
      'Fine-tuning',
      'Training from a program',
    ]);
  });

  it('have the tutorial', async () => {
    expect(isPng(await runExample('The tutorial'), 'digits.png')).toBe(true);
  });

  it('have pictures in colours', async () => {
    const folder = await runExample('Pictures in colours');
    expect(modelOf(join(folder, 'runs/colours'))).toBe('colours');
    expect(isPng(folder, 'colours.png')).toBe(true);
  });

  it('have a WGAN with gradient penalty', async () => {
    const run = join(await runExample('A WGAN with gradient penalty'), 'runs/wgan-gp');
    expect(modelOf(run)).toBe('small-wgan-gp');
    expect(readJsonLines<{ slope: number }>(run, 'metrics.jsonl').every(({ slope }) => slope > 0)).toBe(true);
  });

  it('have a GAN that draws what is asked for', async () => {
    const folder = await runExample('A GAN that draws what is asked for');
    expect(modelOf(join(folder, 'runs/conditional'))).toBe('small-conditional');
    expect(isPng(folder, 'sevens.png')).toBe(true);
  });

  it('have fine-tuning', async () => {
    const folder = await runExample('Fine-tuning');
    const record = readJson<{ initFrom: object }>(folder, 'runs/fine/run.json');
    expect(record.initFrom).toMatchObject({ step: 2, taken: 22, of: 22 });
  });

  it('have a program', async () => {
    const run = join(await runExample('Training from a program'), 'runs/script');
    expect(isPng(run, 'grid.png')).toBe(true);
    expect(existsSync(join(run, 'summary.json'))).toBe(false);
  });
});

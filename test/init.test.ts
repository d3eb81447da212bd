import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gantry, gantryOk, readJson, temporaryDirectory } from './support/gantry.ts';
import { folderWith } from './support/own-gan.ts';

const SHORT = '--epochs 1 --limit 16 --batch 8 --shard-size 8 --workers 0 --threads 1 --exit';
const FILES = ['README.md', 'my-gan.ts', 'pictures.mjs'];

describe('gantry init', () => {
  it('writes an example that trains as it stands, by the command that it prints', async () => {
    const folder = join(temporaryDirectory(), "it's mine");
    const { stdout } = await gantryOk('init', folder);
    expect(readdirSync(folder).toSorted()).toEqual(FILES);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).not.toContain('GANTRY');
    const [, command = ''] = /^train it with: (.*)$/m.exec(stdout) ?? [];
    const { status, stderr } = spawnSync(`${command} ${SHORT}`, { shell: true, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const record = readJson<{ config: { model: string }; data: { source: string } }>(folder, 'run/run.json');
    expect(record).toMatchObject({
      config: { model: 'my-gan' },
      data: { source: join(folder, 'pictures/images.npy') },
    });
  });

  it('has the commands of its README run where the example lies', async () => {
    const folder = join(temporaryDirectory(), 'gan');
    await gantryOk('init', folder);
    const [, commands = ''] = /```sh\n(.*?)```/s.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? [];
    const lines = commands.trim().split('\n');
    expect(lines).toHaveLength(3);
    const script = lines.map((line) => (line.includes(' train ') ? `${line} ${SHORT}` : line)).join(' && ');
    const { status, stderr } = spawnSync(script, { cwd: folder, shell: true, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(existsSync(join(folder, 'pictures.png'))).toBe(true);
  });

  it('replaces no file', async () => {
    const folder = folderWith({ 'README.md': 'mine\n' });
    const { code, stderr } = await gantry('init', folder);
    expect(code).toBe(1);
    expect(stderr).toBe(`gantry: ${folder}/README.md is there already: name another folder [E_CONFIG]\n`);
    expect(readdirSync(folder)).toEqual(['README.md']);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('mine\n');
  });

  it('says where nothing can be written', async () => {
    const folder = join(folderWith({ file: '' }), 'file');
    const { code, stderr } = await gantry('init', folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gantry: .*\/file: cannot write \(.*\) \[E_CONFIG\]\n$/);
  });
});

it('the file that docs/your-gan.md shows trains on MNIST', async () => {
  const page = readFileSync(resolve(import.meta.dirname, '../docs/your-gan.md'), 'utf8');
  const folder = join(temporaryDirectory(), 'shown');
  mkdirSync(folder);
  writeFileSync(join(folder, 'shown.ts'), /```ts\n(.*?)```/s.exec(page)?.[1] ?? '');
  const run = join(folder, 'run');
  await gantryOk('train', '--model', join(folder, 'shown.ts'), ...SHORT.split(' '), '--run', run);
  expect(existsSync(join(run, 'generator.onnx'))).toBe(true);
});

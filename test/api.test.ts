import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
let folder: string;

/** The examples of docs/api.md by their headings. */
async function examples(): Promise<Map<string, string>> {
  const page = await readFile(join(root, 'docs', 'api.md'), 'utf8');
  return new Map(
    page.split(/^## /m).flatMap((section) => {
      const code = /^```js\n([^]*?)^```$/m.exec(section)?.[1];
      return code === undefined ? [] : [[section.split('\n', 1)[0] ?? '', code] as const];
    }),
  );
}

/** Runs an example as a module of its own; they share a folder, as somebody would who tries one after another. */
async function runExample(heading: string): Promise<string[]> {
  const code = (await examples()).get(heading);
  if (code === undefined) throw new Error(`docs/api.md has no example under ${heading}`);
  const file = join(folder, `${heading.replaceAll(/\W+/g, '-')}.mjs`);
  await writeFile(file, code);
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: folder });
  return stdout.trimEnd().split('\n');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-api-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the examples of docs/api.md', () => {
  it('are all tried here', async () => {
    expect([...(await examples()).keys()]).toEqual([
      'Train and watch',
      'Stop and go on',
      'Read a run',
      'A model of your own',
    ]);
  });

  it('train and watch, and read what was trained', async () => {
    const trained = await runExample('Train and watch');
    expect(trained[0]).toMatch(/^dashboard: http:\/\/127\.0\.0\.1:\d+\/#token=/);
    const steps = trained.filter((line) => /^\d+ \d/.test(line));
    expect(steps.map((line) => line.split(' ')[0])).toEqual(['1', '2', '3', '4']);
    expect(trained).toContain('joined');
    expect(trained.at(-1)).toMatch(/^4 steps, weights [0-9a-f]{64}$/);

    const read = await runExample('Read a run');
    expect(read[0]).toBe('7 [ 4 ]');
    const losses = steps.map((line) => line.split(' ')[1]);
    expect(read.slice(1, 5).map((line) => line.split(' ')[1])).toEqual(losses);
    expect(read.filter((line) => /Z started$|Z finished$/.test(line))).toHaveLength(2);
    expect(read.at(-2)).toBe("2518337 [ 'm', 'v' ]");
    expect(read.at(-1)).toBe('[ 9, 28, 28, 1 ]');
    expect((await readFile(join(folder, 'grid.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  it('stop and go on', async () => {
    const [stopped, resumed, total] = await runExample('Stop and go on');
    expect(stopped).toBe('undefined');
    // The step after the third may have been under way.
    expect(resumed).toMatch(/^goes on after step [34]$/);
    expect(total).toBe('8');
  });

  it('bring a model of their own', async () => {
    expect(await runExample('A model of your own')).toEqual(['epoch 1 is done']);
  });
});

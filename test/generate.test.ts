import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { generateInParts } from '@gantry/cli';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Gantry, gantry, gantryOk, temporaryDirectory, type Finished } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const PICTURE_BYTES = 8 * 8;
const HEADER_BYTES = 128;
const run = join(temporaryDirectory(), 'run');

beforeAll(async () => {
  const sizes = ['--epochs', '1', '--limit', '32', '--batch', '16', '--shard-size', '8'];
  await gantryOk('train', ...TINY, ...sizes, '--workers', '0', '--run', run);
});

/** The file that the command has written. */
async function drawn(name: string, ...options: string[]): Promise<Buffer> {
  const out = join(temporaryDirectory(), name);
  await gantryOk('generate', run, '--out', out, ...options);
  return readFileSync(out);
}

function expectRefusal({ code, stdout, stderr }: Finished, message: RegExp): void {
  expect(stderr).toMatch(/^gantry: [^\n]* \[E_CONFIG\]\n$/);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([1, '']);
}

describe('gantry generate', () => {
  it('writes any number of pictures, of which the first ones are always the same', async () => {
    const many = await drawn('many.npy', '--count', '10003', '--seed', '5');
    const header = many.subarray(0, HEADER_BYTES).toString('latin1');
    expect(header).toContain("{'descr': '|u1', 'fortran_order': False, 'shape': (10003, 8, 8,), }");
    expect(many).toHaveLength(HEADER_BYTES + 10_003 * PICTURE_BYTES);
    const few = await drawn('few.npy', '--count', '5', '--seed', '5');
    expect(few.subarray(HEADER_BYTES)).toEqual(many.subarray(HEADER_BYTES, HEADER_BYTES + 5 * PICTURE_BYTES));
  });

  it('gives the library a part at a time, however many there are', async () => {
    const parts = generateInParts(run, { count: 1_000_000_000 });
    const shapes = [await parts.next(), await parts.next()].map(({ value }) => value?.shape);
    await parts.return(undefined);
    expect(shapes).toEqual([
      [16, 8, 8, 1],
      [16, 8, 8, 1],
    ]);
  });

  it('draws grids up to a size', async () => {
    // 17 make five columns and four rows of pictures whose pixels are 14×14.
    expect(await sharp(await drawn('grid.png', '--count', '17')).metadata()).toMatchObject({ width: 560, height: 448 });
    const out = join(temporaryDirectory(), 'grid.png');
    expectRefusal(await gantry('generate', run, '--count', '4097', '--out', out), /--count 4097: .*4096.*\.npy/);
    expect(existsSync(out)).toBe(false);
  });

  it.each(['folder.npy', 'folder.png'])('leaves nothing behind where it cannot write: %s', async (name) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, name));
    expectRefusal(await gantry('generate', run, '--out', join(directory, name)), /--out .*cannot write/);
    const missing = join(directory, 'missing', name);
    expectRefusal(await gantry('generate', run, '--out', missing), /--out .*missing.*cannot write/);
    expect(readdirSync(directory, { recursive: true })).toEqual([name]);
  });
});

const hasScript = isProvided('script', () => spawnSync('script', ['--version']).status === 0);
describe.skipIf(!hasScript)(`on a terminal${hasScript ? '' : ' (skipped: script is absent)'}`, () => {
  it('a bar shows how far it is', async () => {
    const env = { NODE: process.execPath, RUN: run, OUT: join(temporaryDirectory(), 'many.npy') };
    const command = `"$NODE" packages/cli/bin/gantry.js generate "$RUN" --count 40 --out "$OUT"`;
    const line = `exec script --quiet --return --flush --command '${command}' /dev/null`;
    const { code, stdout } = await new Gantry([line], env, ['sh', '-c']).finished;
    expect(stdout).toMatch(/40\/40 pictures/);
    expect(code).toBe(0);
  });
});

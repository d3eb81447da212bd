import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestOf, gantry, gantryOk, readJson, temporaryDirectory } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { TINY_DATA } from './support/tiny.ts';

const SMALL = ['--limit', '64', '--batch', '16', '--shard-size', '8', '--seed', '7', '--exit'];
const ONE = [...TINY_DATA, ...SMALL, '--workers', '0', '--threads', '1'];

interface OwnRun {
  readonly config: { readonly model: string };
  readonly program: { readonly sha256: string; readonly file: string };
}

const trained = (run: string) => readJson<OwnRun>(run, 'run.json');

describe('a model file', () => {
  let folder: string;
  let file: string;
  let run: string;
  beforeAll(async () => {
    const imports = [
      "import { defineGan, type GanDefinition } from 'gantry';",
      "import { layers } from '@tensorflow/tfjs-layers';",
      "import * as tf from '@tensorflow/tfjs-core';",
      "import { SIDE } from './parts/sizes.ts';",
      "const image: GanDefinition['image'] = [SIDE, SIDE, tf.ones([1]).size];",
    ].join('\n');
    folder = folderWith({
      'my own/my-gan.ts': ganSource({ imports, image: 'image' }),
      'my own/parts/sizes.ts': 'export const SIDE: number = 8;\n',
    });
    [file, run] = [join(folder, 'my own/my-gan.ts'), join(folder, 'run')];
    await gantryOk('train', '--model', file, ...ONE, '--epochs', '2', '--run', run);
  });

  it('in TypeScript, with imports, trains from a folder in which nothing is installed, to the same bits by any workers', async () => {
    const two = join(folder, 'two');
    await gantryOk('train', '--model', file, ...TINY_DATA, ...SMALL, '--epochs', '2', '--workers', '2', '--run', two);
    expect(digestOf(two)).toBe(digestOf(run));
    expect(trained(two).program.sha256).toBe(trained(run).program.sha256);
    expect(trained(run)).toMatchObject({ config: { model: 'my-gan' }, program: { file } });
    expect(readFileSync(join(run, 'model.ts'), 'utf8')).toBe(readFileSync(file, 'utf8'));
  });

  it('is JavaScript, too, whatever a package.json around it says, and is the same program', async () => {
    const other = folderWith({ 'my-gan.js': ganSource(), 'package.json': '{ "type": "commonjs" }' });
    await gantryOk('train', '--model', join(other, 'my-gan.js'), ...ONE, '--epochs', '2', '--run', join(other, 'run'));
    expect(digestOf(join(other, 'run'))).toBe(digestOf(run));
    expect(trained(join(other, 'run')).program.sha256).toBe(trained(run).program.sha256);
  });

  it('is not needed to draw and to judge, and what the run has of its source is never run', async () => {
    writeFileSync(join(run, 'model.ts'), 'throw new Error("this was run");\n');
    const out = join(folder, 'pictures.npy');
    await gantryOk('generate', run, '--count', '4', '--out', out);
    await gantryOk('generate', run, '--count', '4', '--batch-norm', 'recalibrated', '--out', join(folder, 'again.npy'));
    expect(readFileSync(join(folder, 'again.npy'))).not.toEqual(readFileSync(out));
    const { stdout } = await gantryOk('evaluate', run, '--samples', '20', '--draws', '1', ...TINY_DATA);
    expect(stdout).toMatch(/sliced Wasserstein distance/);
  });

  it('is asked for again by a hint that works when a run goes on', async () => {
    const without = await gantry('train', '--resume', '--run', run, '--epochs', '3', '--exit');
    expect(without.code).toBe(1);
    expect(without.stderr).toMatch(
      /^gantry: the run trains a model of its own, 'my-gan': give it again: (--model .*) \[E_RESUME\]\n$/,
    );
    const [, option = ''] = /again: (--model .*) \[/.exec(without.stderr) ?? [];
    const rest = `--resume --run ${run} --epochs 3 --exit --workers 1`;
    execFileSync('sh', ['-c', `${GANTRY.join(' ')} train ${option} ${rest}`], { stdio: 'ignore' });
    const straight = join(folder, 'straight');
    await gantryOk('train', '--model', file, ...ONE, '--epochs', '3', '--run', straight);
    expect(digestOf(run)).toBe(digestOf(straight));
  });

  it('that is another program is refused, and nothing is lost', async () => {
    const other = folderWith({ 'my-gan.ts': ganSource({ noise: '9' }) });
    const before = readFileSync(join(run, 'run.json'));
    const given = ['--model', join(other, 'my-gan.ts'), '--resume', '--run', run, '--epochs', '4', '--exit'];
    const { code, stderr } = await gantry('train', ...given);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gantry: .*my-gan\.ts is another program than the run was started with \(.{12} where .*\n$/,
    );
    expect(readFileSync(join(run, 'run.json'))).toEqual(before);
  });

  it('whose stored generator was damaged draws nothing', async () => {
    const stored = join(run, 'generator.onnx');
    copyFileSync(stored, join(folder, 'kept.onnx'));
    const bytes = readFileSync(stored);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(stored, bytes);
    const damaged = await gantry('generate', run, '--out', join(folder, 'none.npy'));
    expect(damaged.stderr).toMatch(/^gantry: .*generator\.onnx is damaged: .* \[E_CHECKPOINT\]\n$/);
    rmSync(stored);
    const gone = await gantry('generate', run, '--out', join(folder, 'none.npy'));
    expect(gone.stderr).toMatch(/^gantry: .*generator\.onnx cannot be read: .* \[E_CHECKPOINT\]\n$/);
    expect(existsSync(join(folder, 'none.npy'))).toBe(false);
    copyFileSync(join(folder, 'kept.onnx'), stored);
  });

  it('is computed by compiled programs alone', async () => {
    const place = join(folder, 'tfjs');
    const { code, stderr } = await gantry(
      'train',
      '--model',
      file,
      ...ONE,
      '--engine',
      'tfjs',
      '--epochs',
      '1',
      '--run',
      place,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^.*this engine computes models that ship with Gantry, and 'my-gan' is none: use the engine native or onnx/m,
    );
  });

  it('serves programs by its path or its value, to the same bits', () => {
    const place = folderWith({
      'my-gan.mjs': ganSource(),
      'script.mjs': `
        import { openRun, train } from 'gantry';
        import gan from './my-gan.mjs';
        const config = { epochs: 2, limit: 64, batch: 16, shardSize: 8, seed: 7 };
        const common = { data: ${JSON.stringify(TINY_DATA[1])}, config, workers: { threads: 1 } };
        const digests = [];
        for (const [run, model] of [['a', gan], ['b', './my-gan.mjs']]) {
          const { finished } = await train({ ...common, run, model });
          digests.push((await finished).weightsDigest);
        }
        console.log(...digests, (await (await openRun('a')).generate({ count: 2 })).shape.join());
        console.log((await (await openRun('b')).state()).step);
      `,
    });
    symlinkSync(resolve(import.meta.dirname, '../node_modules'), join(place, 'node_modules'));
    const printed = execFileSync(process.execPath, ['script.mjs'], { cwd: place, encoding: 'utf8' });
    const digest = digestOf(join(folder, 'two'));
    expect(printed).toBe(`${digest} ${digest} 2,8,8,1\n8\n`);
  });
});

describe('--init-from', () => {
  const folder = temporaryDirectory();
  const from = join(folder, 'from');
  const small = [...TINY_DATA, ...SMALL, '--model', 'tiny', '--workers', '0', '--threads', '1'];
  beforeAll(() => gantryOk('train', ...small, '--epochs', '1', '--run', from));

  it('begins with the weights of a run, anew each time and to the same bits', async () => {
    const runs = ['one', 'two'].map((name) => join(folder, name));
    for (const run of runs) {
      const { stderr } = await gantryOk('train', ...small, '--epochs', '1', '--init-from', from, '--run', run);
      expect(stderr).toMatch(/^weights from step 4 of .*: all \d+ tensors$/m);
      expect(readJson(run, 'run.json')).toMatchObject({ initFrom: { source: from, step: 4 } });
    }
    const [one = '', two = ''] = runs;
    expect(digestOf(two)).toBe(digestOf(one));
    expect(digestOf(one)).not.toBe(digestOf(from));
    const start = join(one, 'checkpoints/step-00000000');
    for (const network of ['generator', 'discriminator']) {
      const [there, here] = [join(from, 'checkpoints/step-00000004'), start].map((at) =>
        readFileSync(join(at, `${network}.safetensors`)),
      );
      expect(here).toEqual(there);
    }
    // What was trained elsewhere is not needed any more.
    rmSync(join(one, 'checkpoints/step-00000004'), { recursive: true });
    rmSync(from, { recursive: true });
    await gantryOk('train', '--resume', '--run', one, '--workers', '0', '--exit');
    expect(digestOf(one)).toBe(digestOf(two));
    rmSync(join(one, 'checkpoints'), { recursive: true });
    const { stderr } = await gantry('train', '--resume', '--run', one, '--workers', '0', '--exit');
    expect(stderr).toMatch(
      /^gantry: the first weights, those of .*, were in checkpoints\/step-00000000, .* \[E_CHECKPOINT\]$/m,
    );
  });

  it('takes what fits, and names what does not', async () => {
    const source = join(folder, 'two');
    const grey = ganSource({
      generator:
        '[layers.dense({ name: "dense", units: 64, activation: "tanh" }), layers.reshape({ targetShape: [8, 8, 1] })]',
    });
    const file = join(folderWith({ 'other.js': grey.replace('units: 1 }', 'units: 1, name: "dense" }') }), 'other.js');
    const args = ['--init-from', join(source, 'checkpoints/step-00000004'), '--run', join(folder, 'other')];
    const { stderr } = await gantryOk('train', ...ONE, '--model', file, '--epochs', '1', ...args);
    expect(stderr).toMatch(
      /^weights from step 4 of .*: 2 of 6 tensors; these begin as drawn: generator\/dense\/kernel \[8,64\] \(there: \[8,32\]\), generator\/dense\/bias/m,
    );
  });

  const other = join(folderWith({ 'other.js': ganSource() }), 'other.js');
  it.each([
    ['nothing', 'nowhere', ['--model', 'tiny'], /nowhere is neither a checkpoint nor a run with one \[E_CHECKPOINT\]/],
    ['a run of other networks', 'two', ['--model', other], /two: none of its weights fits the model: generator/],
    [
      'a run, to go on with another',
      'two',
      ['--resume'],
      /--init-from begins a new run, and --resume goes on with one/,
    ],
  ])('refuses %s', async (_, source, options, message) => {
    const run = join(folder, 'refused');
    const given = [...ONE, ...options, '--init-from', join(folder, source), '--run', run];
    const { code, stderr } = await gantry('train', ...given);
    expect(code).toBe(1);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(run)).toBe(false);
  });
});

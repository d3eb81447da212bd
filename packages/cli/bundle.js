import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licencesOf } from '../../scripts/licences.js';

/**
 * Joins what the command loads, some 300 modules of this repository and of other people, in a few files of dist/program:
 * finding and parsing them one by one took a process half of the time until it began.
 */

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
rmSync(path('./dist/program'), { recursive: true, force: true });

const bundle = await rolldown({
  input: {
    main: path('./dist/main.js'),
    // Started by their names.
    'coordinator-load': path('./dist/bench/coordinator-load.js'),
    'engine-thread-main': fileURLToPath(import.meta.resolve('@gantry/worker/engine-thread-main')),
    'evaluator-thread-main': fileURLToPath(import.meta.resolve('@gantry/evaluation/evaluator-thread-main')),
    'sum-thread-main': fileURLToPath(import.meta.resolve('@gantry/coordinator/sum-thread-main')),
    // What model files import, and what loads them.
    library: path('./dist/model-file/library.js'),
    'tfjs-core': path('./dist/model-file/tfjs-core.js'),
    'tfjs-layers': path('./dist/model-file/tfjs-layers.js'),
    'module-hooks': path('./dist/model-file/module-hooks.js'),
    'webgpu-probe-main': fileURLToPath(import.meta.resolve('@gantry/worker/webgpu-probe-main')),
  },
  platform: 'node',
  resolve: { mainFields: ['module', 'main'] },
  // TensorFlow.js registers its kernels and gradients by modules that nothing uses.
  treeshake: { moduleSideEffects: [{ test: /@tensorflow/, sideEffects: true }] },
  // Native addons, and what few need.
  external: [
    'amaro',
    /^@tensorflow\/tfjs-node/,
    'onnxruntime-node',
    'sharp',
    'bufferutil',
    'utf-8-validate',
    'msgpackr-extract',
  ],
  onLog: (level, log) => {
    if (level === 'warn') throw new Error(log.message);
  },
});
const { output } = await bundle.write({
  dir: path('./dist/program'),
  format: 'esm',
  entryFileNames: '[name].js',
  // Beside the entries: code finds its neighbours by import.meta.url.
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
writeFileSync(path('./dist/program/THIRD-PARTY-LICENSES'), licencesOf(output));

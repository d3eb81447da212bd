/**
 * Installs the tensorflow engine:
 *
 *     npm run setup:tensorflow          for CPUs
 *     npm run setup:tensorflow -- gpu   for NVIDIA's GPUs
 *
 * The package's own installation downloads TensorFlow and an addon that fits. Where that is not possible, or
 * LIBTENSORFLOW_DIR is set, the addon is built against the libtensorflow there, or else the one inside of pip's
 * tensorflow-cpu; that needs a C++ compiler, make and Python. What `npm ci` removes, this brings back.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const isForGpu = process.argv.includes('gpu');
const PACKAGE = isForGpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
const VERSION = '4.22.0';
const PYTHON = process.env['PYTHON'] ?? 'python3';
const FIND_IN_PIP =
  'import importlib.util; spec = importlib.util.find_spec("tensorflow"); print(spec.submodule_search_locations[0] if spec else "")';

function run(command: string, args: readonly string[], cwd = process.cwd()): void {
  execFileSync(command, args, { cwd, stdio: 'inherit' });
}

/** The package's own installation. @returns whether it succeeded: it needs the network, and a platform that it knows */
function downloads(root: string): boolean {
  console.error('downloading TensorFlow …');
  try {
    execFileSync(process.execPath, ['scripts/install.js', ...(isForGpu ? ['gpu', 'download'] : [])], {
      cwd: root,
      stdio: 'ignore',
    });
    return true;
  } catch {
    console.error('that is not possible here; building the addon instead');
    return false;
  }
}

/** Where libtensorflow is: LIBTENSORFLOW_DIR, or in pip's package. */
function libtensorflow(): string {
  const given = process.env['LIBTENSORFLOW_DIR'];
  if (given !== undefined) return given;
  try {
    const found = execFileSync(PYTHON, ['-c', FIND_IN_PIP], { encoding: 'utf8' }).trim();
    if (found !== '') return found;
  } catch {
    // No Python.
  }
  throw new Error(
    'there is no libtensorflow: unpack one and name it in LIBTENSORFLOW_DIR, or run "pip install tensorflow-cpu"',
  );
}

/** Lays links out where the package's build looks for the library and its headers. */
function link(directory: string, deps: string): void {
  const lib = existsSync(join(directory, 'lib')) ? join(directory, 'lib') : directory;
  const files = readdirSync(lib).filter((file) => file.startsWith('libtensorflow'));
  const find = (pattern: RegExp) => {
    const file = files.find((each) => pattern.test(each));
    if (file === undefined) throw new Error(`${lib} holds no ${pattern.source}`);
    return join(lib, file);
  };
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, 'lib'), { recursive: true });
  symlinkSync(join(directory, 'include'), join(deps, 'include'));
  for (const file of files) symlinkSync(join(lib, file), join(deps, 'lib', file));
  // In pip's package, the C interface is part of libtensorflow_cc.
  const names = {
    'libtensorflow.so': /^libtensorflow(_cc)?\.so/,
    'libtensorflow_framework.so': /^libtensorflow_framework\.so/,
  };
  for (const [name, pattern] of Object.entries(names)) {
    if (!files.includes(name)) symlinkSync(find(pattern), join(deps, 'lib', name));
  }
}

function build(root: string): void {
  link(libtensorflow(), join(root, 'deps'));
  const nodeGyp = process.env['npm_config_node_gyp'];
  if (nodeGyp === undefined) throw new Error('node-gyp comes with npm: run this by "npm run setup:tensorflow"');
  const variables = [
    '--module_name=tfjs_binding',
    `--module_path=${join(root, 'lib', 'napi-v8')}`,
    '--napi_build_version=8',
  ];
  run(process.execPath, [nodeGyp, 'rebuild', ...variables], root);
}

const npm = process.env['npm_execpath'];
if (npm === undefined) throw new Error('run this by "npm run setup:tensorflow"');
run(process.execPath, [npm, 'install', '--no-save', '--ignore-scripts', `${PACKAGE}@${VERSION}`]);
const root = dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
const isNamed = process.env['LIBTENSORFLOW_DIR'] !== undefined;
if (isNamed || !downloads(root)) build(root);
run(process.execPath, [
  'packages/gantry/bin/gantry.js',
  'bench',
  'step',
  '--engine',
  'tensorflow',
  '--device',
  isForGpu ? 'cuda' : 'cpu',
  '--shard-size',
  '8',
  '--rounds',
  '1',
]);

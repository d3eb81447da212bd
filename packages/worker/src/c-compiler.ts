import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NATIVE_HEADERS } from '@gantry/compiler/native';
import { GantryError, plainText } from '@gantry/core';

const NODE_API_HEADERS = fileURLToPath(new URL('include', import.meta.resolve('node-api-headers')));
/** A program takes two seconds on a fast machine. */
const COMPILE_TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 10e6;

const FLAGS = [
  '-O3',
  // For this processor only: others have other vectors.
  '-march=native',
  '-std=gnu11',
  '-w',
  '-shared',
  '-fPIC',
  // Nobody reads errno or traps after a square root; NaN and infinity keep their meaning.
  '-fno-math-errno',
  '-fno-trapping-math',
  // Node brings the functions of Node-API when the module is loaded.
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
] as const;

const compilerName = (): string => process.env['CC'] ?? 'cc';

async function run(args: readonly string[]): Promise<string> {
  const command = compilerName();
  try {
    const options = { timeout: COMPILE_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    return (await promisify(execFile)(command, args, options)).stdout;
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    const why = code === 'ENOENT' ? 'is not installed' : `failed: ${plainText(stderr.trim().split('\n')[0] ?? '') || String(code)}`;
    throw new GantryError('E_ENGINE', `the C compiler ${command} ${why}: install gcc or clang, or choose --engine onnx`, { cause });
  }
}

/** What the compiler says of itself and of this processor: programs that it compiled run wherever it says the same. */
const identify = (): Promise<string> => run(['-march=native', '-dM', '-E', '-x', 'c', '/dev/null']);

/** Makes sure that there is a C compiler for the processor of this machine. @throws GantryError E_ENGINE */
export async function requireCCompiler(): Promise<void> {
  await identify();
}

/** Whether C can be compiled here. */
export const hasCCompiler = (): Promise<boolean> => identify().then(
  () => true,
  () => false,
);

/** A folder of this user for what was compiled: it outlives processes, and may be deleted at any time. */
async function cacheFolder(): Promise<string> {
  const folder = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'gantry');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch (cause) {
    throw new GantryError('E_ENGINE', `${folder} cannot be made, where compiled programs are kept: set XDG_CACHE_HOME`, { cause });
  }
}

/**
 * Compiles a program of `nativeSource` to a module of Node, unless the same one was compiled before.
 * @returns the module's path
 * @throws GantryError E_ENGINE
 */
export async function compileC(source: string): Promise<string> {
  const headers = (await readdir(NATIVE_HEADERS)).filter((file) => file.endsWith('.h')).toSorted();
  const texts = await Promise.all(headers.map((file) => readFile(path.join(NATIVE_HEADERS, file))));
  const hash = createHash('sha256');
  for (const part of [await identify(), FLAGS.join(' '), process.arch, ...texts, source]) hash.update(part).update('\0');
  const folder = await cacheFolder();
  const result = path.join(folder, `${hash.digest('hex').slice(0, 32)}.node`);
  const isThere = await access(result).then(() => true, () => false);
  if (isThere) return result;
  // Others may compile the same: each has its own files, and the last one wins.
  const draft = path.join(folder, `${randomUUID()}.c`);
  const module = `${draft}.node`;
  try {
    await writeFile(draft, source);
    await run([...FLAGS, `-I${NATIVE_HEADERS}`, `-I${NODE_API_HEADERS}`, '-o', module, draft, '-lm']);
    await rename(module, result);
  } finally {
    await Promise.all([rm(draft, { force: true }), rm(module, { force: true })]);
  }
  return result;
}

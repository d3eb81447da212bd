import { execFile } from 'node:child_process';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { CompileError } from '../errors.ts';
import { OpenToOthers, cacheFolders, requireOwn } from './cache-folders.ts';
import { CACHE_BYTES, findProgram, keepProgram, newDraft, programKey } from './program-cache.ts';

/** The program of the tutorial takes two seconds; one of many more parameters takes minutes beside other work. */
const TIMEOUT_MS = 600_000;
const MAX_OUTPUT_BYTES = 10e6;

/** The files that a program includes: ours, and those of Node-API. */
const HEADERS = folderOf('#native/addon.h');
const NODE_API_HEADERS = folderOf('#node-api/node_api.h');

/** For this processor only, on x86-64: others have other vectors. All ARM64 have the same. */
const PROCESSOR: readonly string[] = process.arch === 'arm64' ? [] : ['-march=native'];

/** Before the options of `$CC`. */
const SPEED: readonly string[] = ['-std=gnu11', '-O3', ...PROCESSOR];

/** Behind them. */
const MEANING: readonly string[] = [
  // The same bits everywhere: see kernels.h.
  '-ffp-contract=off',
  '-fwrapv',
  // Nobody reads errno, or traps after a square root; NaN and infinity keep their meaning.
  '-fno-math-errno',
  '-fno-trapping-math',
];

/** Options by which compilers give other bits, and not only in what they compile: some change the thread that loads it. */
const CHANGES_BITS =
  /^-(?:Ofast$|ffast-math|funsafe-math|fassociative-math|freciprocal-math|ffinite-math|fno-signed-zeros|fsingle-precision|mfpmath)/;

/** What it makes. */
const MODULE: readonly string[] = [
  '-shared',
  '-fPIC',
  // Node has the functions of Node-API when it loads the module.
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
];

/** By the names that package.json gives them, as the code may be bundled. */
function folderOf(file: string): string {
  return path.dirname(createRequire(import.meta.url).resolve(file));
}

/** `$CC` or `cc`. */
const compilerCommand = (): string => process.env['CC']?.trim() || 'cc';

/**
 * Runs the C compiler, for fast code unless the options that `$CC` brings along say otherwise, and for the same meaning in any case.
 * @param temporary folder for the files that the compiler makes on its way; absent: that of the machine
 */
async function run(args: readonly string[], temporary?: string): Promise<string> {
  const [command = '', ...given] = compilerCommand().split(/\s+/);
  const unfit = given.find((option) => CHANGES_BITS.test(option));
  if (unfit !== undefined) {
    throw new CompileError('c-compiler', `CC asks for ${unfit}, with which results would be others: leave it out`);
  }
  try {
    const limits = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    const env = { ...process.env, ...(temporary !== undefined && { TMPDIR: temporary }) };
    return (await promisify(execFile)(command, [...SPEED, ...given, ...MEANING, ...args], { ...limits, env })).stdout;
  } catch (cause) {
    const { code, killed, stderr = '' } = cause as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === 'ENOENT') {
      throw new CompileError('c-compiler', `the C compiler ${command} is not installed: install gcc or clang`, {
        cause,
      });
    }
    const refusal = /#error "(.*)"/.exec(stderr)?.[1];
    if (refusal !== undefined) throw new CompileError('c-compiler', refusal, { cause });
    const [complaint = ''] = stderr.split('\n').filter((line) => line.includes('error'));
    const why = killed ? `it took more than ${TIMEOUT_MS / 1000} s` : complaint || String(code);
    throw new CompileError('c-compiler', `the C compiler ${command} failed: ${why}`, { cause });
  }
}

/** What the compiler says of itself and of this processor: what it compiles runs wherever it says the same. */
const identify = (): Promise<string> => run(['-dM', '-E', '-x', 'c', '/dev/null']);

/**
 * Compiles C to a module of Node, unless it was compiled here before and is as it was then.
 * @param source one file that may include those of the `native` folder
 * @param maxBytes how much the programs that are kept may take up together; this one stays in any case
 * @returns the module's path
 * @throws CompileError c-compiler
 */
export async function compileC(source: string, maxBytes = CACHE_BYTES): Promise<string> {
  const names = (await readdir(HEADERS)).toSorted();
  const headers = await Promise.all(names.map((name) => readFile(path.join(HEADERS, name))));
  const identity = await identify();
  const key = programKey([
    compilerCommand(),
    identity,
    process.arch,
    [...SPEED, ...MEANING].join(' '),
    ...headers,
    source,
  ]);
  let cause: unknown;
  for (const place of cacheFolders()) {
    try {
      await requireOwn(place);
      return (await findProgram(place.folder, key)) ?? (await compileInto(place.folder, key, source, maxBytes));
    } catch (error) {
      if (error instanceof CompileError) throw error;
      if (error instanceof OpenToOthers) {
        const where = `others may write to ${error.folder}, where compiled programs are kept`;
        throw new CompileError('c-compiler', `${where}: fix that`, { cause: error });
      }
      cause = error;
    }
  }
  const message = `compiled programs cannot be kept (${String(cause)}): set XDG_CACHE_HOME to a folder that can be written`;
  throw new CompileError('c-compiler', message, { cause });
}

async function compileInto(folder: string, key: string, source: string, maxBytes: number): Promise<string> {
  // Another process may be at the same: each has a folder of its own.
  const draft = await newDraft(folder);
  try {
    // The compiler may put a file's name into the program, which is to be the same each time.
    const [file, program] = [path.join(draft, 'program.c'), path.join(draft, 'program.node')];
    await writeFile(file, source);
    await run([...MODULE, `-I${HEADERS}`, `-I${NODE_API_HEADERS}`, '-o', program, file, '-lm'], draft);
    return await keepProgram(folder, key, program, maxBytes);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

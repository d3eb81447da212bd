import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { GantryError, plainText } from '@gantry/core';
import { disposeModel } from '@gantry/core/tfjs';
import { Gan, isModelName } from '@gantry/models';
import { thisCommand } from '../called.ts';
import { whyFailed } from './failure.ts';
import { MARK, load, resolve } from './module-hooks.ts';

/** A model of a user's own. */
export interface LoadedGan {
  readonly gan: Gan;
  /** What the run calls it. */
  readonly name: string;
  /** Absolute path of the file that defines it. */
  readonly file?: string;
  /** Of that file. */
  readonly source?: string;
}

/** The names that a run, its files and its messages can have for a model. */
const NAME = /^(?!__)[\w.-]{1,100}$/;

/**
 * Runs a model file, JavaScript or TypeScript, and takes the GAN that it exports.
 * @throws GantryError E_CONFIG in one line, with the line of the file where that is known
 */
export async function loadModel(given: string): Promise<LoadedGan> {
  const file = path.resolve(given);
  const fail = (problem: string, cause?: unknown) =>
    new GantryError('E_CONFIG', plainText(`--model ${given}: ${problem}`), { cause });
  if (!/\.m?[jt]s$/.test(file)) throw fail('expected a file whose name ends in .ts, .js, .mts or .mjs');
  const source = await readFile(file, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(cause);
    throw fail(`${why}; ${thisCommand()} init FOLDER writes an example`, cause);
  });
  hookModules();
  const url = pathToFileURL(file);
  // A file that was changed meanwhile is another module.
  url.searchParams.set(MARK, createHash('sha256').update(source).digest('hex').slice(0, 16));
  let exported: { readonly default?: unknown };
  try {
    exported = (await import(url.href)) as typeof exported;
  } catch (cause) {
    throw fail(whyFailed(cause, source, url.href), cause);
  }
  const gan = exported.default;
  if (!(gan instanceof Gan)) {
    const found = 'default' in exported ? `exports ${typeof gan} as default` : 'has no default export';
    throw fail(`it ${found}: expected export default defineGan({ … }), with import { defineGan } from 'gantry'`);
  }
  const name = gan.name ?? path.basename(file).replace(/\.m?[jt]s$/, '');
  try {
    const loaded = namedGan(gan, name);
    // Tried here, where what its functions throw is known to be the file's.
    disposeModel(gan.model(name));
    return { ...loaded, file, source };
  } catch (cause) {
    throw fail(whyFailed(cause, source, url.href), cause);
  }
}

/** A GAN that a program has made. @throws GantryError E_CONFIG if its name is of no use */
export function namedGan(gan: Gan, name = gan.name ?? 'gan'): LoadedGan {
  const remedy = gan.name === undefined ? 'rename the file, or give defineGan a name' : 'give defineGan another name';
  if (isModelName(name)) {
    throw new GantryError('E_CONFIG', `a model that ships with Gantry has the name '${name}': ${remedy}`);
  }
  if (!NAME.test(name)) {
    const allowed = 'letters, digits, _, - and . are allowed, 100 at most';
    throw new GantryError('E_CONFIG', `the model's name is ${JSON.stringify(name)}: ${allowed}; ${remedy}`);
  }
  return { gan, name };
}

let areHooked = false;

function hookModules(): void {
  if (areHooked) return;
  areHooked = true;
  // From Node 22.15 on. What it replaces needs a file of its own, which another thread runs.
  const { registerHooks, register } = nodeModule as typeof nodeModule & {
    readonly registerHooks?: (hooks: { resolve: typeof resolve; load: typeof load }) => void;
  };
  if (registerHooks) registerHooks({ resolve, load });
  else register(new URL('./module-hooks.js', import.meta.url));
}

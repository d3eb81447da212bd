import { readFileSync } from 'node:fs';
import {
  createRequire,
  type LoadFnOutput,
  type LoadHookContext,
  type ResolveFnOutput,
  type ResolveHookContext,
} from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as amaro from 'amaro';

/**
 * Hooks for Node's loader of modules, for model files and what they import of their folder; all other modules are left alone. Node
 * runs them in a thread of their own, or, from 22.15 on, in this one.
 */

/** The parameter by which URLs of model files are known. */
export const MARK = 'gantry-model';

/** What comes from the running product, wherever the file lies: its tensors and those of the file are of one tfjs. */
const OWN: Readonly<Record<string, string>> = {
  gantry: './library.js',
  '@gantry/cli': './library.js',
  '@tensorflow/tfjs-core': './tfjs-core.js',
  '@tensorflow/tfjs-layers': './tfjs-layers.js',
};

type Next<Context, Output> = (specifier: string, context?: Context) => Output | Promise<Output>;

export function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: Next<ResolveHookContext, ResolveFnOutput>,
): ResolveFnOutput | Promise<ResolveFnOutput> {
  const mark = markOf(context.parentURL);
  if (mark === null || context.parentURL === undefined) return next(specifier, context);
  const own = OWN[specifier];
  if (own !== undefined) return { url: new URL(own, import.meta.url).href, shortCircuit: true };
  if (!/^(\.{0,2}\/|file:)/.test(specifier)) return next(specifier, context);
  const url = new URL(specifier, context.parentURL);
  url.searchParams.set(MARK, mark);
  return next(url.href, context);
}

export function load(
  url: string,
  context: LoadHookContext,
  next: Next<LoadHookContext, LoadFnOutput>,
): LoadFnOutput | Promise<LoadFnOutput> {
  const [, kind] = /\.m?([jt]s)$/.exec(new URL(url).pathname) ?? [];
  if (markOf(url) === null || kind === undefined) return next(url, context);
  // A module, whatever a package.json around it says.
  const text = readFileSync(fileURLToPath(url), 'utf8');
  return { format: 'module', source: kind === 'ts' ? withoutTypes(text, url) : text, shortCircuit: true };
}

function markOf(url: string | undefined): string | null {
  return url?.startsWith('file:') ? new URL(url).searchParams.get(MARK) : null;
}

const require = createRequire(import.meta.url);

/** TypeScript or JavaScript as JavaScript. @throws SyntaxError whose stack begins with the place, as Node's own do */
export function withoutTypes(source: string, url: string): string {
  // Loaded where it is needed: it takes longer than all else here.
  const { transformSync } = require('amaro') as typeof amaro;
  try {
    return transformSync(source, { mode: 'strip-only' }).code;
  } catch (thrown) {
    const picture = String(thrown);
    const [, problem = picture] = /^\s*x (.*)$/m.exec(picture) ?? [];
    // The line that is marked below.
    const line = /^\s*(\d+) \|.*\n\s*:/m.exec(picture)?.[1];
    const error = new SyntaxError(problem);
    error.stack = `${url}:${line ?? '?'}\nSyntaxError: ${problem}`;
    throw error;
  }
}

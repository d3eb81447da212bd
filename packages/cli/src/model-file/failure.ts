import { GantryError } from '@gantry/core';
import { MARK, withoutTypes } from './module-hooks.ts';

/**
 * Why a model file could not be run, with the line where that is known, in one line.
 * @param source of the file
 * @param url of the file
 */
export function whyFailed(thrown: unknown, source: string, url: string): string {
  const error = thrown instanceof SyntaxError ? withLine(thrown, source, url) : thrown;
  if (error instanceof GantryError) return error.message;
  if (!(error instanceof Error)) return `it throws ${String(error)}`;
  const line = lineIn(error.stack ?? '');
  const [message = ''] = error.message.split('\n');
  if (error instanceof SyntaxError) return `${line ?? 'in what it imports'}: ${message}`;
  if ('code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return missingModule(message);
  return `${line === undefined ? '' : `${line}: `}it throws ${error.name}: ${message}`;
}

/** Node tells the line of JavaScript's errors of syntax to nobody but the terminal. */
function withLine(error: SyntaxError, source: string, url: string): SyntaxError {
  if (lineIn(error.stack ?? '') !== undefined) return error;
  try {
    withoutTypes(source, url);
  } catch (found) {
    if (found instanceof SyntaxError) return found;
  }
  return error;
}

/** Of the first place in a model file that a stack names: `my-gan.ts, line 3`. */
function lineIn(stack: string): string | undefined {
  const [, name, line] = new RegExp(`([^/\\s]+)\\?${MARK}=\\w+:(\\d+)`).exec(stack) ?? [];
  return name === undefined ? undefined : `${decodeURIComponent(name)}, line ${line}`;
}

function missingModule(message: string): string {
  const [, kind = '', found = ''] = /^Cannot find (package|module) '([^']*)'/.exec(message) ?? [];
  if (kind === 'package') {
    return `it imports '${found}', which is not there: install it beside the file, or take tf and layers from 'gantry'`;
  }
  return `it imports '${found.replace(new RegExp(`\\?${MARK}=\\w+$`), '')}', which is not there`;
}

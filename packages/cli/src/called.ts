import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { shellWords } from '@gantry/core';

/** What Node was told to run. */
const script = (): string => path.resolve(process.argv[1] ?? '');
const NPM_FOLDER = path.join('node_modules', '.bin');

/** Where the user stands: `npm start` runs in the folder of its package. */
const userFolder = (): string => process.env['INIT_CWD'] ?? process.cwd();

/**
 * How this command is called, for hints: what they print works when it is given to a shell.
 * @param folder from where; default: where the user stands
 */
export function thisCommand(folder = userFolder()): string {
  if (isThis(npxFinds(folder))) return 'npx gantry';
  // What npm puts on the path of what it starts is on the path of nobody else.
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((each) => !each.endsWith(NPM_FOLDER));
  if (isThis(folders.map((each) => path.join(each, 'gantry')).find(existsSync))) return 'gantry';
  return shellWords([process.execPath, script()]);
}

/** A path as the user has to write it. */
export function userPath(given: string): string {
  return path.isAbsolute(given) ? given : path.relative(userFolder(), path.resolve(given)) || '.';
}

/** The command that npx takes without asking a registry: that of the package or of the clone that the folder belongs to. */
function npxFinds(folder: string): string | undefined {
  for (let root = folder; ; root = path.dirname(root)) {
    if (['package.json', 'node_modules'].some((name) => existsSync(path.join(root, name)))) {
      return path.join(root, NPM_FOLDER, 'gantry');
    }
    if (root === path.dirname(root)) return undefined;
  }
}

function isThis(file: string | undefined): boolean {
  return file !== undefined && existsSync(file) && realpathSync(file) === realpathSync(script());
}

/**
 * Builds all packages, for `npm run build` and, by its hook `prepare`, for `npm ci`. Where the development dependencies were
 * left out, an install succeeds all the same: what is built elsewhere may be brought along.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const isInstall = process.env.npm_lifecycle_event === 'prepare';

if (existsSync(at('node_modules/nx'))) {
  process.exitCode = spawnSync('nx run-many -t build', { shell: true, stdio: 'inherit' }).status ?? 1;
} else if (!isInstall || !existsSync(at('packages/cli/dist/main.js'))) {
  console.error('gantry: not built, as that needs the development dependencies: run "npm ci --include=dev"');
  process.exitCode = isInstall ? 0 : 1;
}

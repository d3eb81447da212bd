import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Puts what is published where npm packs it: the workspaces, as built, as packages that are bundled. Run by `npm pack` before,
 * and with `--remove` afterwards.
 */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const DOCUMENTS = ['README.md', 'LICENSE', 'CHANGELOG.md'];
/** What a package needs where it runs; what it depends on is installed by the package that bundles it. */
const FIELDS = ['name', 'version', 'license', 'type', 'exports', 'imports'];
const FOLDERS = ['bin', 'dist', 'native', 'templates', 'weights'];
/** Tests, and what leads debuggers and compilers to sources that are not there. */
const LEFT_OUT = /\.test\.|\.map$|\.tsbuildinfo$/;

const { bundleDependencies } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
rmSync(join(HERE, 'node_modules'), { recursive: true, force: true });
for (const document of DOCUMENTS) rmSync(join(HERE, document), { force: true });
if (!process.argv.includes('--remove')) stage();

function stage() {
  for (const document of DOCUMENTS) cpSync(join(ROOT, document), join(HERE, document));
  for (const name of bundleDependencies) {
    const [from, to] = [join(ROOT, 'packages', name.replace('@gantry/', '')), join(HERE, 'node_modules', name)];
    for (const folder of FOLDERS) {
      const filter = (path) => !LEFT_OUT.test(path);
      if (existsSync(join(from, folder))) cpSync(join(from, folder), join(to, folder), { recursive: true, filter });
    }
    const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const fields = FIELDS.filter((field) => field in manifest).map((field) => [field, manifest[field]]);
    writeFileSync(join(to, 'package.json'), JSON.stringify(Object.fromEntries(fields), null, 2));
  }
}

/** Compiles the kernels to WebAssembly, inside of a module that Node and browsers load alike. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const here = fileURLToPath(new URL('.', import.meta.url));
const options = ['--runtime', 'stub', '--enable', 'simd', '--noAssert', '-O3', '--converge'];
const { stdout, stderr } = process;
let wasm = Buffer.alloc(0);
const { error } = await main(['index.ts', '--baseDir', here, '--outFile', 'kernels.wasm', ...options], {
  stdout,
  stderr,
  writeFile: (_, contents) => void (wasm = Buffer.from(contents)),
});
if (error) throw error;
writeFileSync(
  `${here}/../src/numerics/kernels.generated.ts`,
  `export const WASM_BASE64 = '${wasm.toString('base64')}';\n`,
);

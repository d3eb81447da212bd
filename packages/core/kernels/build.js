/** Compiles the kernels to WebAssembly, inside of a module that Node and browsers load alike. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const here = fileURLToPath(new URL('.', import.meta.url));
const options = ['--runtime', 'stub', '--enable', 'simd', '--noAssert', '-O3', '--converge'];
const { stdout, stderr } = process;
const { error } = await main(['index.ts', '--baseDir', here, '--outFile', 'kernels.wasm', ...options], {
  stdout,
  stderr,
});
if (error) throw error;
const wasm = `${here}/kernels.wasm`;
const text = `export const WASM_BASE64 = '${readFileSync(wasm, 'base64')}';\n`;
writeFileSync(`${here}/../src/kernels.generated.ts`, text);
rmSync(wasm);

/** Runs one part of the kit and prints a line of JSON for each finding: `run-part.ts NAME [--smoke]`. */
import { FULL, SMOKE } from './part.ts';
import { PARTS } from './parts.ts';

const [name = '', size] = process.argv.slice(2);
const part = PARTS[name];
if (!part) throw new Error(`no part is named ${name}`);
for await (const finding of part.run(size === '--smoke' ? SMOKE : FULL)) {
  process.stdout.write(`${JSON.stringify(finding)}\n`);
}

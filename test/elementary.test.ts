import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hasCCompiler } from './support/c-compiler.ts';
import { temporaryDirectory } from './support/gantry-process.ts';
import { isRequired } from './support/requirements.ts';

/** All of 2^32 take minutes. */
const STEP = isRequired('all-floats') ? 1 : 257;
const FLAGS = ['-std=gnu11', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'];

it.skipIf(!hasCCompiler())(
  'elementary functions round to the nearest float, or to its neighbour where both are as near',
  () => {
    const program = join(temporaryDirectory(), 'elementary-errors');
    const at = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
    const native = ['-march=native', `-I${at('../packages/compiler/native')}`];
    execFileSync('cc', [...FLAGS, ...native, '-o', program, at('support/elementary-errors.c'), '-lm']);
    const printed = execFileSync(program, [String(STEP), '0'], { encoding: 'utf8' });
    const errors = printed
      .trim()
      .split('\n')
      .map((line) => line.split(', '));
    expect(errors.map(([name]) => name)).toEqual(['exp', 'log', 'log1p', 'tanh', 'pow 0.3', 'pow 3', 'pow -2.5']);
    for (const [name, units, wrong] of errors) {
      expect(Number(units), name).toBeLessThan(0.50001);
      expect(wrong, `special values of ${name}`).toBe('0');
    }
  },
);

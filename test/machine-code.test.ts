import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { compile } from '@gantry/compiler';
import { describe, expect, it } from 'vitest';
import { hasCCompiler } from './support/c-compiler.ts';
import { Gantry, readJson, temporaryDirectory } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';
import type { RunJson } from '@gantry/coordinator';

const LIBRARY = `
#if defined(__x86_64__)
#include <immintrin.h>
/* As what GCC links with -ffast-math: flush to zero, and take subnormal numbers for zero. */
__attribute__((constructor)) static void fast(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
#else
#include <stdint.h>
__attribute__((constructor)) static void fast(void) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24)); }
#endif
`;

/** Loads the library into its thread and halves the smallest normal number: in JavaScript, and by the program. */
const HALVE = `
import { readFileSync } from 'node:fs';
import { compileNative } from '@gantry/compiler/native';
const [library, model] = process.argv.slice(1);
const program = await compileNative(readFileSync(model), ['y']);
try {
  process.dlopen({ exports: {} }, library);
} catch {} // It is no module of Node.
const y = new Float32Array(1);
const smallest = Float64Array.of(2 ** -1022);
program.run(new Uint8Array(program.scratchBytes), [Float32Array.of(2 ** -126)], [y]);
// By its bits: JavaScript sees a zero.
console.log(smallest[0] * 0.5 === 0, new Uint32Array(y.buffer)[0] === 2 ** 22);
`;

describe.skipIf(!hasCCompiler())('machine code', () => {
  it('keeps subnormal numbers in a thread in which they are switched off', () => {
    const folder = temporaryDirectory();
    const [source, library, model] = ['fast.c', 'fast.so', 'model.onnx'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, LIBRARY);
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source]);
    const { onnx } = compile(({ x }) => ({ y: tf.mul(x as tf.Tensor, 0.5) }), { inputs: { x: { shape: [1] } } });
    writeFileSync(model, onnx);
    const node = ['--input-type=module', '-e', HALVE, library, model];
    expect(execFileSync(process.execPath, node, { encoding: 'utf8' })).toBe('true true\n');
  });

  it.skipIf(process.arch !== 'x64')(
    'is refused without fused multiply-add, and ONNX Runtime takes its place',
    async () => {
      const run = join(temporaryDirectory(), 'run');
      const train = (...options: string[]) =>
        new Gantry(['train', ...TINY, '--limit', '64', '--epochs', '1', '--run', run, ...options], {
          CC: 'cc -mno-fma',
        }).finished;
      const { code, stderr } = await train('--engine', 'native');
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^gantry: .*fused multiply-add \(FMA\), which this processor does not have; .*--engine onnx/,
      );
      expect((await train()).code).toBe(0);
      expect(readJson<RunJson>(run, 'run.json').numericClasses.map((each) => each.class)).toEqual(['onnx-cpu']);
    },
  );

  it.each(['-Ofast', '-ffast-math', '-fsingle-precision-constant'])(
    'is refused with a compiler that computes by %s',
    async (option) => {
      const options = ['train', ...TINY, '--engine', 'native', '--run', join(temporaryDirectory(), 'run')];
      const { code, stderr } = await new Gantry(options, { CC: `cc ${option}` }).finished;
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^gantry: CC asks for ${option}, .*: leave it out; or choose --engine onnx`));
    },
  );
});

import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasCCompiler } from './support/c-compiler.ts';
import { OTHER_MACHINES, THIS_MACHINE, hashesOn, type ProgramCase } from './support/compilers.ts';
import { gradientsOf, randomProgram, specialValues } from './support/program-cases.ts';

const RANDOM_PROGRAMS = 4;

describe.skipIf(!hasCCompiler())('machine code computes the same bits as here', () => {
  let cases: ProgramCase[];
  let expected: string[];
  beforeAll(() => {
    cases = [
      gradientsOf('tiny'),
      gradientsOf('dcgan'),
      specialValues(),
      ...fc.sample(randomProgram, { numRuns: RANDOM_PROGRAMS, seed: 42 }),
    ];
    expected = hashesOn(THIS_MACHINE, cases);
  });

  for (const [name, machine] of Object.entries(OTHER_MACHINES)) {
    it.skipIf(!machine)(`with ${name}${machine ? '' : ' (skipped: that is not there)'}`, () => {
      if (machine) expect(hashesOn(machine, cases)).toEqual(expected);
    });
  }
});

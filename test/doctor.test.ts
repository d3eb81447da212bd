import { expect, it } from 'vitest';
import { Gantry } from './support/gantry.ts';
import { NO_GPU } from './support/software-gpu.ts';

interface Finding {
  readonly what: string;
  readonly usable: boolean;
  readonly detail: string;
  readonly imagesPerSecond?: number;
}

it('says of every engine and device how fast it is, or why it is missing and what to do', async () => {
  const { code, stdout } = await new Gantry(['doctor', '--json'], NO_GPU).finished;
  const findings = JSON.parse(stdout) as Finding[];
  expect(findings.map(({ what }) => what)).toEqual([
    'machine',
    'data set',
    'onnx on cpu',
    'onnx on webgpu',
    'onnx on cuda:0',
    'tensorflow on cpu',
  ]);
  const [, , cpu, ...others] = findings;
  expect(cpu).toMatchObject({
    usable: true,
    detail: expect.stringMatching(/images\/s on one thread, numeric class \w/),
  });
  expect(cpu?.imagesPerSecond).toBeGreaterThan(0);
  for (const { usable, detail } of others) {
    if (!usable) expect(detail).toMatch(/choose --device cpu|choose --engine onnx/);
  }
  expect(code).toBe(0);
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricsLine, RunJson } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { expectCloseMetrics } from './support/close-metrics.ts';
import { Gantry, digestOf, readJson, readJsonLines, temporaryDirectory } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { NO_GPU, SOFTWARE_GPU, softwareGpuExists } from './support/software-gpu.ts';
import { TINY } from './support/tiny.ts';

/** Beside Keras, the tutorial's model is computed there, too: this GPU takes half a minute for a step of it. */
const SIZES = [...TINY, '--limit', '2', '--batch', '2', '--shard-size', '2', '--epochs', '1', '--seed', '3'];
const hasGpu = isProvided('webgpu', softwareGpuExists);

describe.skipIf(process.platform !== 'linux')('without a GPU, --device webgpu', () => {
  it.each([['worker', 'ws://127.0.0.1:9'], ['train']])('ends %s in one line, with the remedy', async (...command) => {
    const run = join(temporaryDirectory(), 'run');
    const options = command[0] === 'train' ? ['--run', run] : [];
    const { code, stdout, stderr } = await new Gantry([...command, '--device', 'webgpu', ...options], NO_GPU).finished;
    expect(stderr).toMatch(/^gantry: webgpu cannot be used \(.*adapter.*\): .*Vulkan.*--device cpu \[E_ENGINE\]\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    expect(existsSync(run)).toBe(false);
  });
});

describe.skipIf(!hasGpu)(`webgpu${hasGpu ? '' : ' (skipped: SwiftShader or libvulkan.so.1 is absent)'}`, () => {
  it('trains as the CPU does, to within rounding, and in a numeric class of its own', async () => {
    const runs = await Promise.all(
      (['cpu', 'webgpu', 'webgpu'] as const).map(async (device) => {
        const run = join(temporaryDirectory(), 'run');
        const options = ['--workers', '1', '--device', device, '--run', run, ...SIZES];
        expect(await new Gantry(['train', ...options], SOFTWARE_GPU).finished).toMatchObject({ code: 0 });
        const [joined] = readJsonLines<RecordedEvent>(run, 'events.jsonl').filter(({ type }) => type === 'joined');
        const [metrics] = readJsonLines<MetricsLine>(run, 'metrics.jsonl') as [MetricsLine];
        const { convolutions } = readJson<RunJson>(run, 'run.json');
        return { digest: digestOf(run), joined, metrics, convolutions };
      }),
    );
    const [cpu, gpu, again] = runs as [(typeof runs)[0], (typeof runs)[0], (typeof runs)[0]];
    expect(gpu.joined).toMatchObject({ engine: 'onnx', device: 'webgpu' });
    expect(gpu.joined?.['class']).not.toBe(cpu.joined?.['class']);
    expectCloseMetrics(gpu.metrics, cpu.metrics);
    expect(again.digest).toBe(gpu.digest);
    // It says that it is made of software, and is not measured.
    expect([cpu, gpu].map(({ convolutions }) => convolutions)).toEqual([undefined, { webgpu: 'direct' }]);
  });
});

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gantry, temporaryDirectory, type Finished } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

const NO_DRIVER = { PATH: temporaryDirectory() };
const GPUS = ['GPU-0a000000-0000-0000-0000-000000000000', 'GPU-0b000000-0000-0000-0000-000000000000'] as const;

/** A driver that lists two GPUs, which no library can use, and notes who asked for them. */
function driver(): { readonly env: NodeJS.ProcessEnv; readonly askedBy: () => string[] } {
  const directory = temporaryDirectory();
  const log = join(directory, 'log');
  const lines = GPUS.map((uuid, i) => `echo 'GPU ${i}: a test (UUID: ${uuid})'`);
  const script = ['#!/bin/sh', `echo "$CUDA_VISIBLE_DEVICES" >> ${log}`, ...lines, ''].join('\n');
  writeFileSync(join(directory, 'nvidia-smi'), script, { mode: 0o755 });
  return {
    env: { PATH: directory, CUDA_VISIBLE_DEVICES: undefined },
    askedBy: () => readFileSync(log, 'utf8').trimEnd().split('\n'),
  };
}

function expectOneLine({ code, stdout, stderr }: Finished, message: RegExp): void {
  expect(stderr).toMatch(/^gantry: [^\n]* \[E_ENGINE\]\n$/);
  expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(code).toBe(1);
}

describe('without a GPU, --device cuda', () => {
  it.each(['cuda', 'cuda:1'])('ends a worker: %s', async (device) => {
    const worker = new Gantry(['worker', 'ws://127.0.0.1:9', '--device', device], NO_DRIVER);
    expectOneLine(await worker.finished, /no GPU for CUDA: nvidia-smi.*not installed.*--device cpu/);
  });

  it.each(['0', '2'])('ends a training with --workers %s before anything is made', async (workers) => {
    const run = join(temporaryDirectory(), 'run');
    const training = new Gantry(['train', '--workers', workers, '--device', 'cuda', '--run', run], NO_DRIVER);
    expectOneLine(await training.finished, /no GPU for CUDA: nvidia-smi.*not installed.*--device cpu/);
    expect(readdirSync(dirname(run))).toEqual([]);
  });
});

it('a driver whose tool fails without a word ends a worker in one line', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'nvidia-smi'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
  const worker = new Gantry(['worker', 'ws://127.0.0.1:9', '--device', 'cuda'], { PATH: directory });
  expectOneLine(await worker.finished, /no GPU for CUDA: nvidia-smi failed: .*nvidia-smi -L; fix that/);
});

describe('with two GPUs', () => {
  it('a third is refused', async () => {
    const { env } = driver();
    const worker = new Gantry(['worker', 'ws://127.0.0.1:9', '--device', 'cuda:2'], env);
    expectOneLine(await worker.finished, /cuda:2 is not there: cuda:0 to cuda:1 are/);
  });

  it('one that CUDA_VISIBLE_DEVICES hides is refused', async () => {
    const env = { ...driver().env, CUDA_VISIBLE_DEVICES: '1' };
    const worker = new Gantry(['worker', 'ws://127.0.0.1:9', '--device', 'cuda:1'], env);
    expectOneLine(await worker.finished, /cuda:1 is not there: only cuda:0 is/);
  });

  it.each([
    ['all', undefined, [GPUS[0], GPUS[1], GPUS[0]], /3 workers share 2 GPUs in turn/],
    ['those of CUDA_VISIBLE_DEVICES', '1,0', ['1', '0', '1'], /3 workers share 2 GPUs in turn/],
  ] as const)('local workers get one each of %s, and none computes elsewhere', async (_, chosen, dealt, notice) => {
    const { env, askedBy } = driver();
    const run = join(temporaryDirectory(), 'run');
    const sizes = [...TINY, '--limit', '16', '--batch', '16', '--shard-size', '8'];
    const training = new Gantry(['train', '--workers', '3', '--device', 'cuda', ...sizes, '--run', run], {
      ...env,
      CUDA_VISIBLE_DEVICES: chosen,
    });
    await training.output(notice);
    const { code, stderr } = await training.finished;
    for (const name of ['local-1', 'local-2', 'local-3']) {
      expect(stderr).toMatch(new RegExp(`${name} ended \\(1\\): cuda:0 cannot be used .*--device cpu`));
    }
    expect(stderr).toMatch(/^gantry: no worker can run on this machine: cuda:0 cannot .*--device cpu \[E_ENGINE\]$/m);
    expect(code).toBe(1);
    const expected: string[] = [chosen ?? '', ...dealt];
    expect(askedBy().toSorted()).toEqual(expected.toSorted());
  });
});

describe('without a C compiler', () => {
  const env = { CC: 'no-such-compiler' };
  const sizes = [...TINY, '--limit', '16', '--batch', '16', '--shard-size', '8', '--epochs', '1'];

  it('ONNX Runtime computes, and the training says so', async () => {
    const run = join(temporaryDirectory(), 'run');
    const training = new Gantry(['train', '--workers', '1', ...sizes, '--run', run, '--exit'], env);
    const { code, stderr } = await training.finished;
    expect(stderr).toMatch(/^1 worker on this machine \(onnx engine on cpu\)$/m);
    expect(code).toBe(0);
  });

  it.each(['0', '2'])('--engine native ends a training with --workers %s before anything is made', async (workers) => {
    const run = join(temporaryDirectory(), 'run');
    const training = new Gantry(['train', '--engine', 'native', '--workers', workers, '--run', run], env);
    const message = /the C compiler no-such-compiler is not installed: install gcc or clang; or choose --engine onnx/;
    expectOneLine(await training.finished, message);
    expect(readdirSync(dirname(run))).toEqual([]);
  });
});

it.each(['0', '2'])(
  '--engine native on a GPU ends a training with --workers %s before anything is made',
  async (workers) => {
    const run = join(temporaryDirectory(), 'run');
    const options = ['--engine', 'native', '--device', 'cuda', '--workers', workers, '--run', run];
    const training = new Gantry(['train', ...options], driver().env);
    expectOneLine(await training.finished, /the native engine runs on cpu only, not on cuda:0: choose --engine onnx/);
    expect(readdirSync(dirname(run))).toEqual([]);
  },
);

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import type { RunJson } from '@gantry/coordinator';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE, hasCCompiler } from './support/c-compiler.ts';
import { CpuQuota } from './support/cpu-quota.ts';
import { Gantry, gantryOk, readJson, temporaryDirectory } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { isProvided } from './support/requirements.ts';
import { NO_GPU } from './support/software-gpu.ts';
import { TINY } from './support/tiny.ts';

interface Speed {
  readonly engine: string;
  readonly device: string;
}

interface Finding {
  readonly what: string;
  readonly usable: boolean;
  readonly detail: string;
  readonly imagesPerSecond?: number;
}

const quota = isProvided('cgroup', () => CpuQuota.isAvailable) ? new CpuQuota() : undefined;
afterAll(() => quota?.remove());
const insideQuota = [...(quota?.command ?? []), ...GANTRY];

describe.skipIf(!quota)(`a quota of one core${quota ? '' : ' (skipped: this machine permits none)'}`, () => {
  it.each(['train', 'worker'])('is what %s takes', async (command) => {
    const { stdout } = await new Gantry([command, '--help'], {}, insideQuota).finished;
    expect(stdout).toMatch(/--threads <n>[^(]*\(default:\s+1\)/);
  });

  it('is what the doctor says, before it has measured anything', async () => {
    const state = { XDG_STATE_HOME: temporaryDirectory() };
    const toStandardError = ['sh', '-c', 'exec "$@" >&2', 'sh'];
    const doctor = new Gantry(['doctor'], state, [...(quota?.command ?? []), ...toStandardError, ...GANTRY]);
    const all = cpus().length;
    await doctor.output(all > 1 ? new RegExp(`machine: 1 of ${all} cores, as a quota`) : /machine: 1 core /);
    doctor.process.kill();
    await doctor.finished;
  });
});

it('says of every engine and device how fast it is, or why it is missing and what to do', async () => {
  const state = temporaryDirectory();
  const { code, stdout } = await new Gantry(['doctor', '--json'], { ...NO_GPU, XDG_STATE_HOME: state }).finished;
  const findings = JSON.parse(stdout) as Finding[];
  expect(findings.map(({ what }) => what)).toEqual([
    'machine',
    'data set',
    'native on cpu',
    'onnx on cpu',
    'onnx on webgpu',
    'onnx on cuda:0',
    'tensorflow on cpu',
    'tensorflow on cuda:0',
  ]);
  const [, , native, cpu, ...others] = findings;
  expect(native?.usable).toBe(hasCCompiler());
  for (const finding of hasCCompiler() ? [native, cpu] : [cpu]) {
    expect(finding).toMatchObject({
      usable: true,
      detail: expect.stringMatching(/images\/s on one thread, numeric class \w/),
    });
    expect(finding?.imagesPerSecond).toBeGreaterThan(0);
  }
  for (const { usable, detail } of [...others, ...(native ? [native] : [])]) {
    if (!usable) expect(detail).toMatch(/choose --device cpu|choose --engine onnx/);
  }
  expect(code).toBe(0);
  for (const finding of hasCCompiler() ? [native, cpu] : [cpu]) {
    const [engine = ''] = finding?.what.split(' ') ?? [];
    const [, numericClass] = /numeric class (\S+)$/.exec(finding?.detail ?? '') ?? [];
    const run = join(state, engine);
    await gantryOk('train', ...TINY, '--limit', '64', '--epochs', '1', '--engine', engine, '--run', run);
    const { numericClasses } = readJson<RunJson>(run, 'run.json');
    expect(numericClasses.map((each) => each.class)).toEqual([numericClass]);
  }
  const { speeds } = JSON.parse(readFileSync(join(state, 'gantry', 'doctor.json'), 'utf8')) as { speeds: Speed[] };
  expect(speeds.map(({ engine, device }) => `${engine} on ${device}`)).toEqual(
    findings.filter(({ imagesPerSecond }) => imagesPerSecond !== undefined).map(({ what }) => what),
  );
});

describe('what the doctor has measured', () => {
  const speeds = [
    { engine: DEFAULT_ENGINE, device: 'cpu', imagesPerSecond: 400 },
    { engine: 'onnx', device: 'webgpu', imagesPerSecond: 1000 },
  ];

  const recordOf = (host: string) => JSON.stringify({ host, speeds });

  /** What a worker says before it looks for its coordinator, on a machine with a record of the doctor's. */
  async function saidBy(record: string, threads: number): Promise<string> {
    const state = temporaryDirectory();
    mkdirSync(join(state, 'gantry'));
    writeFileSync(join(state, 'gantry', 'doctor.json'), record);
    const options = ['--threads', `${threads}`];
    const worker = new Gantry(['worker', 'ws://127.0.0.1:9', ...options], { XDG_STATE_HOME: state, GANTRY_TOKEN: 't' });
    await worker.output(/ECONNREFUSED/);
    worker.process.kill('SIGTERM');
    return (await worker.finished).stderr;
  }

  it('a worker mentions where another device is faster than all of its threads', async () => {
    expect(await saidBy(recordOf(hostname()), 2)).toMatch(
      /gantry doctor found onnx on webgpu to be faster here \(1000 images\/s\): --engine onnx --device webgpu/,
    );
  });

  it.each([
    ['it is the fastest', recordOf(hostname()), 3],
    ['another machine was measured', recordOf('elsewhere'), 2],
    ['the record is damaged', '{', 2],
  ])('a worker is silent where %s', async (_, record, threads) => {
    expect(await saidBy(record, threads)).not.toMatch(/faster/);
  });
});

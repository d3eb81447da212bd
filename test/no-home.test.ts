import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { hasCCompiler } from './support/c-compiler.ts';
import { containersAreAvailable, withoutHome } from './support/containers.ts';
import { Gantry, digestOf, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { isProvided } from './support/requirements.ts';
import { NO_GPU } from './support/software-gpu.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const hasContainers = isProvided('unshare', containersAreAvailable);

describe.skipIf(!hasContainers)(`without a home directory${hasContainers ? '' : ' (skipped: no namespaces)'}`, () => {
  const SIZES = ['--limit', '256', '--batch', '64', '--epochs', '1'];
  /** What its user may write to. */
  let folder: string;
  let model: readonly string[];
  beforeEach(() => {
    folder = temporaryDirectory();
    cpSync(TINY_DATA[1] ?? '', join(folder, 'data'), { recursive: true });
    mkdirSync(join(folder, 'tmp'));
    for (const each of ['', 'tmp']) chmodSync(join(folder, each), 0o777);
    chmodSync(join(folder, 'data'), 0o755);
    model = ['--model', 'tiny', '--data', join(folder, 'data'), ...SIZES];
  });

  const start = (args: readonly string[], home?: string, env: NodeJS.ProcessEnv = {}) =>
    new Gantry(args, { ...NO_GPU, ...env }, withoutHome(folder, GANTRY, home));

  /** All that is there but what a run and temporary files are. */
  const others = () => readdirSync(folder).filter((name) => !['data', 'tmp', 'run'].includes(name));

  test.each([undefined, '/', '/root'])('trains where HOME is %j, with the same result', async (home) => {
    const run = join(folder, 'run');
    const { code, stderr } = await start(['train', ...model, '--workers', '1', '--run', run], home).finished;
    expect(stderr).toMatch(/warning: .*: workers on this machine need the token, too\n/);
    expect(stderr).not.toMatch(/^gantry:/m);
    expect(code).toBe(0);
    expect(digestOf(run)).toBe(await trainedDigest(...TINY, ...SIZES, '--workers', '0'));
    expect(others()).toEqual([]);
  });

  test('coordinates workers that have the token of the join command', async () => {
    const coordinator = start(['coordinator', ...model, '--listen', '127.0.0.1:0', '--run', join(folder, 'run')]);
    const [, file = '', url = ''] = await coordinator.output(/with: GANTRY_TOKEN=\$\(cat (\S+)\) npx --yes \S+ (\S+)/);
    const refused = await start(['worker', url]).finished;
    expect(refused.stderr).toMatch(/^gantry: no token: [^\n]* \[E_AUTH\]\n$/);
    const worker = start(['worker', url, '--threads', '1'], undefined, { GANTRY_TOKEN: readFileSync(file, 'utf8') });
    expect(await worker.finished).toMatchObject({ code: 0 });
    expect(await coordinator.finished).toMatchObject({ code: 0 });
    expect(others()).toEqual([]);
  });

  test('is examined by the doctor', async () => {
    const { code, stdout } = await start(['doctor']).finished;
    expect(stdout).toMatch(/^ok +onnx on cpu: /m);
    if (hasCCompiler()) expect(stdout).toMatch(/^ok +native on cpu: /m);
    expect(code).toBe(0);
    expect(others()).toEqual([]);
  });
});

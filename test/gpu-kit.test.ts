import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Gantry, temporaryDirectory, type Finished } from './support/gantry.ts';
import { NamespacePair } from './support/namespaces.ts';
import { isProvided } from './support/requirements.ts';
import { NO_GPU, SOFTWARE_GPU, softwareGpuExists } from './support/software-gpu.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KIT = join(ROOT, '.gpu');
const MEBIBYTE = 2 ** 20;

interface Outcome {
  readonly part: string;
  readonly outcome: string;
  readonly why?: string;
  readonly findings: readonly { readonly what: string; readonly result: string; readonly figures?: unknown }[];
}

const isPacked = isProvided('gpu-kit', () => existsSync(join(KIT, 'kit.deb')));
const canRun =
  isPacked && isProvided('webgpu', softwareGpuExists) && isProvided('netns', () => NamespacePair.areAvailable);

/**
 * As on a bare machine: no environment, no network but loopback, and Node.js and npm only as traps that note who calls them.
 * @param driver Vulkan's
 * @param commands shell scripts by name, before those of the system
 */
async function runKit(driver: string, commands: Readonly<Record<string, string>>, ...options: string[]) {
  const directory = temporaryDirectory();
  const bin = join(directory, 'bin');
  const trapped = join(directory, 'trapped');
  const trap = `echo "$0" >> ${trapped}; exit 97`;
  mkdirSync(bin);
  for (const [name, script] of Object.entries({ node: trap, npm: trap, npx: trap, ...commands })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const out = join(directory, 'out');
  const environment = [`VK_DRIVER_FILES=${driver}`, `PATH=${bin}:/usr/bin:/bin`, `TMPDIR=${directory}`];
  const bare = ['env', '-i', ...environment, join(KIT, 'run.sh')];
  const command = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...bare];
  const ended = await new Gantry([out, ...options], {}, command).finished;
  expect(existsSync(trapped)).toBe(false);
  // What was unpacked is gone.
  expect(readdirSync(directory).filter((name) => name.startsWith('gantry'))).toEqual([]);
  return { ...ended, out };
}

function outcomesIn(out: string): Map<string, Outcome> {
  expect(readdirSync(out).toSorted()).toEqual(['gpu.json', 'log.txt', 'table.md']);
  const { outcomes } = JSON.parse(readFileSync(join(out, 'gpu.json'), 'utf8')) as { outcomes: Outcome[] };
  return new Map(outcomes.map((each) => [each.part, each]));
}

function resultsOf(outcomes: Map<string, Outcome>, part: string): string[] {
  return (outcomes.get(part)?.findings ?? []).map(({ what, result }) => `${what}: ${result}`);
}

function expectTable({ stdout }: Finished, outcomes: Map<string, Outcome>): void {
  const rows = stdout.trim().split('\n').slice(2);
  for (const { part, findings } of outcomes.values()) {
    for (const { what, result } of findings) expect(rows).toContain(`| ${part} | ${what} | ${result} |`);
  }
}

describe.skipIf(!isPacked)(`the GPU kit${isPacked ? '' : ' (skipped: run "npm run gpu:pack" first)'}`, () => {
  it('travels in 60 MiB with all that git tracks', () => {
    const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
      .split('\0')
      .filter(Boolean);
    const kit = readdirSync(KIT).map((name) => join('.gpu', name));
    const bytes = [...tracked, ...kit].reduce((sum, file) => sum + statSync(join(ROOT, file)).size, 0);
    expect(bytes).toBeLessThanOrEqual(60 * MEBIBYTE);
  });
});

describe.skipIf(!canRun)(
  `on a machine without anything${canRun ? '' : ' (skipped: SwiftShader or namespaces are absent)'}`,
  () => {
    it('the kit answers every question on a GPU made of software', async () => {
      const ended = await runKit(SOFTWARE_GPU.VK_ICD_FILENAMES, {}, '--smoke');
      const outcomes = outcomesIn(ended.out);
      expect([...outcomes.values()].filter(({ outcome }) => outcome !== 'done')).toEqual([]);
      expect(ended.code).toBe(0);
      expectTable(ended, outcomes);
      expect(resultsOf(outcomes, 'adapter')).toEqual([expect.stringMatching(/^adapter: SwiftShader/)]);
      expect(resultsOf(outcomes, 'agreement')).toEqual([
        expect.stringMatching(/^direct convolutions: agrees with Keras/),
        expect.stringMatching(/^spectral convolutions: agrees with Keras/),
      ]);
      expect(resultsOf(outcomes, 'placement')).toEqual([
        expect.stringMatching(/^direct, nodes: .*\d on WebGpu; elsewhere: Transpose/),
        expect.stringMatching(/^spectral, nodes: .*\d on WebGpu; elsewhere: Transpose/),
      ]);
      for (const form of ['direct', 'spectral']) {
        expect(resultsOf(outcomes, 'webgpu engine')).toContainEqual(
          expect.stringMatching(
            new RegExp(
              `^${form}, shards of 2: [\\d.]+ images/s; .*upload [\\d.]+; \\d+ kernels [\\d.]+; download [\\d.]+; `,
            ),
          ),
        );
      }
      expect(resultsOf(outcomes, 'training')).toEqual([
        expect.stringMatching(/^1 worker, .*images\/s; ms: .*compute \d/),
        expect.stringMatching(/^2 workers, .*images\/s; ms: .*compute \d/),
        expect.stringMatching(/^2 runs: one digest/),
      ]);
      expect(resultsOf(outcomes, 'doctor')).toContainEqual(expect.stringMatching(/^data set: 10000 images/));
      expect(resultsOf(outcomes, 'native engine')).toEqual([expect.stringMatching(/^one thread, .*images\/s/)]);
      expect(resultsOf(outcomes, 'PyTorch')[0]).toMatch(/^PyTorch: /);
    }, 900_000);

    it('the kit says at once that there is no GPU, ends what hangs, and does the rest', async () => {
      // Of the driver's tool, when it is first asked.
      const hangs = '[ ! -e "$TMPDIR/hung" ] || exit 9; touch "$TMPDIR/hung"; exec sleep 86400';
      const options = ['--smoke', '--minutes', '3'];
      const ended = await runKit(NO_GPU.VK_ICD_FILENAMES, { 'nvidia-smi': hangs }, ...options);
      const outcomes = outcomesIn(ended.out);
      expect(ended.code).toBe(1);
      expect(outcomes.get('machine')).toMatchObject({
        outcome: 'out of time',
        why: expect.stringMatching(/^it had \d+ s$/),
      });
      expect(resultsOf(outcomes, 'machine')).toEqual([expect.stringMatching(/^CPU: /)]);
      expect(ended.stderr).toMatch(/^adapter: failed: .*no Vulkan device .*driver.*VK_DRIVER_FILES$/m);
      const skipped = [...outcomes.values()].filter(({ outcome }) => outcome === 'skipped').map(({ part }) => part);
      expect(skipped).toEqual(['agreement', 'placement', 'webgpu engine', 'training', 'PyTorch']);
      for (const part of ['doctor', 'native engine']) expect(outcomes.get(part)?.outcome).toBe('done');
      expectTable(ended, outcomes);
    });

    it.each([
      [[], /^gpu: expected one folder/],
      [['there', '--fast'], /^gpu: .*--fast/],
    ])('%j is refused in one line', async (args, message) => {
      const { code, stdout, stderr } = await new Gantry(args, {}, [join(KIT, 'run.sh')]).finished;
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
    });
  },
);

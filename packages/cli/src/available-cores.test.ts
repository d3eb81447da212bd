import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { availableCores } from './available-cores.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-cores-'));
afterAll(() => rmSync(directory, { recursive: true }));

const ALL = availableParallelism();
let roots = 0;

/** Cores where these are the files of the system. */
function coresWith(files: Readonly<Record<string, string>>): number {
  const root = join(directory, `${roots++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `${text}\n`);
  }
  return availableCores(root);
}

const version2 = (group: string, root = '/') => ({
  'proc/self/cgroup': `0::${group}`,
  'proc/self/mountinfo': [
    '22 1 8:1 / / rw - ext4 /dev/sda rw',
    `30 22 0:27 ${root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate`,
  ].join('\n'),
});

const version1 = (group: string, root = '/') => ({
  'proc/self/cgroup': `4:memory:/other\n3:cpu,cpuacct:${group}\n0::/`,
  'proc/self/mountinfo': [
    `31 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`,
    `32 30 0:28 ${root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct`,
    '40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  ].join('\n'),
});

describe('the cores of a process', () => {
  it.each<[string, Record<string, string>, number]>([
    ['no control groups', {}, ALL],
    ['a group without a quota', { ...version2('/a'), 'sys/fs/cgroup/a/cpu.max': 'max 100000' }, ALL],
    ['half a core', { ...version2('/a'), 'sys/fs/cgroup/a/cpu.max': '50000 100000' }, 1],
    ['a core and a half', { ...version2('/a'), 'sys/fs/cgroup/a/cpu.max': '150000 100000' }, Math.min(2, ALL)],
    ['more than there are', { ...version2('/a'), 'sys/fs/cgroup/a/cpu.max': '99999900000 100000' }, ALL],
    [
      'the quota of a group around its own',
      { ...version2('/a/b'), 'sys/fs/cgroup/a/b/cpu.max': 'max 100000', 'sys/fs/cgroup/a/cpu.max': '20000 100000' },
      1,
    ],
    ['its own root in a container', { ...version2('/'), 'sys/fs/cgroup/cpu.max': '100000 100000' }, 1],
    ['the quota of another group', { ...version2('/a'), 'sys/fs/cgroup/b/cpu.max': '50000 100000' }, ALL],
    ['nonsense', { ...version2('/a'), 'sys/fs/cgroup/a/cpu.max': 'x' }, ALL],
    [
      'a quota of version 1',
      {
        ...version1('/a'),
        'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '25000',
        'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '50000',
      },
      1,
    ],
    [
      'none of version 1',
      {
        ...version1('/a'),
        'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '-1',
        'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000',
      },
      ALL,
    ],
    [
      'a part of the tree as its root, in a container of version 1',
      {
        ...version1('/docker/x', '/docker/x'),
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '100000',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000',
      },
      1,
    ],
  ])('that has %s', (_, files, cores) => {
    expect(coresWith(files)).toBe(cores);
  });
});

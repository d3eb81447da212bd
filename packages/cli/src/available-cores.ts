import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/**
 * Cores that this process can keep busy: those that it may run on, or less where a quota of its control groups, as containers
 * and services have, leaves less. A started core counts. At least 1.
 * @param root where the files of Linux are looked for
 */
export function availableCores(root = '/'): number {
  return Math.max(1, Math.ceil(Math.min(availableParallelism(), ...quotas(root))));
}

/** A hierarchy of control groups, as /proc/self/mountinfo names it. */
interface Mount {
  /** The group at its top: not the system's own where a container sees its part only. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** For version 1, its controllers are among them. */
  readonly options: readonly string[];
}

/** In cores, of all groups around this process that have one. */
function quotas(root: string): number[] {
  const mounts = linesOf(join(root, 'proc/self/mountinfo')).map(mountOf);
  return linesOf(join(root, 'proc/self/cgroup')).flatMap((line) => {
    const [hierarchy, controllers = '', ...path] = line.split(':');
    const isUnified = hierarchy === '0' && controllers === '';
    if (!isUnified && !controllers.split(',').includes('cpu')) return [];
    const mount = mounts.find(({ type, options }) =>
      isUnified ? type === 'cgroup2' : type === 'cgroup' && options.includes('cpu'),
    );
    if (!mount) return [];
    const quotaIn = isUnified ? quotaOfVersion2 : quotaOfVersion1;
    return groupsOf(path.join(':'), mount).map((group) => quotaIn(join(root, mount.point, group)));
  });
}

function mountOf(line: string): Mount {
  // Optional fields in the middle end with a dash (proc_pid_mountinfo(5)).
  const [own = '', source = ''] = line.split(' - ');
  const [, , , root = '', point = ''] = own.split(' ');
  const [type = '', , options = ''] = source.split(' ');
  return { root, point, type, options: options.split(',') };
}

/** The process's group and all around it, below the mount's point. */
function groupsOf(path: string, { root }: Mount): string[] {
  const top = root === '/' ? '' : root;
  const inside = path === top || path.startsWith(`${top}/`) ? path.slice(top.length) : '';
  const names = inside.split('/').filter(Boolean);
  return Array.from({ length: names.length + 1 }, (_, depth) => names.slice(0, depth).join('/'));
}

function quotaOfVersion2(group: string): number {
  const [quota, period] = (linesOf(join(group, 'cpu.max'))[0] ?? 'max').split(' ');
  return quota === 'max' ? Infinity : share(quota, period);
}

function quotaOfVersion1(group: string): number {
  const [quota = '-1'] = linesOf(join(group, 'cpu.cfs_quota_us'));
  return quota === '-1' ? Infinity : share(quota, linesOf(join(group, 'cpu.cfs_period_us'))[0]);
}

function share(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota) / Number(period);
  return cores > 0 ? cores : Infinity;
}

/** None where there is no such file: other systems have no control groups. */
function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

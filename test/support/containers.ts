import { spawnSync } from 'node:child_process';

/** A command line's beginning that starts the rest of it in namespaces of its own. */
function unshared(flags: readonly string[], setUp: string, ...args: string[]): string[] {
  return ['unshare', ...flags, '--kill-child', 'sh', '-c', `${setUp} && exec "$@"`, 'sh', ...args];
}

/** Starts a command as in a container of this machine: as process 1, under another host name. */
export function inContainer(host: string, command: readonly string[]): string[] {
  return unshared(
    ['--pid', '--fork', '--mount-proc', '--uts', '--net'],
    `hostname ${host} && ip link set lo up`,
    ...command,
  );
}

/**
 * Starts a command as on another machine, as far as it can tell.
 * @param identity file with what that machine's kernel calls itself
 */
export function onMachine(identity: string, command: readonly string[]): string[] {
  const setUp = `mount --bind '${identity}' /proc/sys/kernel/random/boot_id && hostname elsewhere`;
  return unshared(['--pid', '--fork', '--mount-proc', '--uts'], setUp, ...command);
}

/** A user that this machine has no entry for. */
const NOBODY = '54321';

/**
 * Starts a command as containers without privileges do: for a user without entry or home directory, who may write to one
 * folder and nowhere else.
 * @param writable the folder; temporary files go to its `tmp`
 * @param home what HOME says; absent: nothing
 */
export function withoutHome(writable: string, command: readonly string[], home?: string): string[] {
  const setUp = `mount --bind '${writable}' '${writable}' && mount -o remount,bind,ro /`;
  const user = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
  const unset = ['XDG_STATE_HOME', 'XDG_CACHE_HOME', 'HOME'].flatMap((name) => ['-u', name]);
  const set = [`TMPDIR=${writable}/tmp`, ...(home === undefined ? [] : [`HOME=${home}`])];
  return unshared(['--mount', '--fork'], setUp, ...user, 'env', ...unset, ...set, ...command);
}

/** Whether this machine permits them. */
export function containersAreAvailable(): boolean {
  const [command = '', ...args] = inContainer('look', ['true']);
  return spawnSync(command, args).status === 0;
}

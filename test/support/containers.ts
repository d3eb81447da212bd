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

/** Whether this machine permits them. */
export function containersAreAvailable(): boolean {
  const [command = '', ...args] = inContainer('look', ['true']);
  return spawnSync(command, args).status === 0;
}

import { GantryError } from '@gantry/core';
import { Command } from 'commander';
import { readText } from '../options/files.ts';
import { addListenOptions, type Address, type ListenFlags } from '../options/listen-options.ts';
import { addRunOptions, type RunFlags } from '../options/run-options.ts';

interface CoordinatorFlags extends RunFlags, ListenFlags {
  readonly listen: Address;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function coordinatorCommand(): Command {
  const command = addRunOptions(new Command('coordinator')).description(
    'own a training run: share its steps among the workers that attach',
  );
  return addListenOptions(command, 'address for workers', { host: '127.0.0.1', port: 7070 })
    .option('--tls-cert <file>', 'certificate chain, PEM; with --tls-key, connections are encrypted')
    .option('--tls-key <file>', 'private key of the certificate, PEM')
    .action(coordinate);
}

async function coordinate(flags: CoordinatorFlags, command: Command): Promise<void> {
  const { listen, tlsCert, tlsKey, allowHost } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new GantryError('E_CONFIG', '--tls-cert and --tls-key belong together: give both or neither');
  }
  const tls =
    tlsCert && tlsKey
      ? { cert: await readText('--tls-cert', tlsCert), key: await readText('--tls-key', tlsKey) }
      : undefined;
  // Loaded once nothing of the options was refused.
  const { runTraining } = await import('../run-training.ts');
  await runTraining(flags, command, { listen: { ...listen, tls, allowedHosts: allowHost } });
}

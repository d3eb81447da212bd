import { GantryError } from '@gantry/core';
import { Command, InvalidArgumentError } from 'commander';
import { readText } from '../options/files.ts';
import { addRunOptions, type RunFlags } from '../options/run-options.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

interface CoordinatorFlags extends RunFlags {
  readonly listen: Address;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowHost?: string[];
}

export function coordinatorCommand(): Command {
  return addRunOptions(new Command('coordinator'))
    .description('own a training run: share its steps among the workers that attach')
    .option('--listen <host:port>', 'address for workers', parseAddress, { host: '127.0.0.1', port: 7070 })
    .option('--tls-cert <file>', 'certificate chain, PEM; with --tls-key, connections are encrypted')
    .option('--tls-key <file>', 'private key of the certificate, PEM')
    .option('--allow-host <host...>', 'names under which workers reach this machine, beside the address itself')
    .action(coordinate);
}

async function coordinate({ listen, tlsCert, tlsKey, allowHost, ...flags }: CoordinatorFlags): Promise<void> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new GantryError('E_CONFIG', '--tls-cert and --tls-key belong together: give both or neither');
  }
  const tls =
    tlsCert && tlsKey
      ? { cert: await readText('--tls-cert', tlsCert), key: await readText('--tls-key', tlsKey) }
      : undefined;
  // Loaded once nothing of the options was refused.
  const { runTraining } = await import('../run-training.ts');
  const command = `gantry coordinator --listen ${listen.host}:${listen.port}`;
  await runTraining(flags, command, { listen: { ...listen, tls, allowedHosts: allowHost } });
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which listens on all addresses. */
function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('Expected HOST:PORT, for example 127.0.0.1:7070.');
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

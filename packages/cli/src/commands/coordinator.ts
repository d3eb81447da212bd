import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { isLoopback, openCluster, openTokens } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';
import { readText } from '../options/files.ts';
import { addRunOptions, type RunFlags } from '../options/run-options.ts';
import { runTraining, type Attached, type Attachment } from '../run-training.ts';

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
    .action((flags: CoordinatorFlags) =>
      runTraining(flags, `gantry coordinator --listen ${flags.listen.host}:${flags.listen.port}`, (attachment) =>
        listen(flags, attachment),
      ),
    );
}

async function listen(flags: CoordinatorFlags, { context, progress }: Attachment): Promise<Attached> {
  const { listen: address, tlsCert, tlsKey, allowHost } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new GantryError('E_CONFIG', '--tls-cert and --tls-key belong together: give both or neither');
  }
  const tls =
    tlsCert && tlsKey
      ? { cert: await readText('--tls-cert', tlsCert), key: await readText('--tls-key', tlsKey) }
      : undefined;
  const tokens = await openTokens(context.path);
  const cluster = await openCluster({
    ...context,
    ...address,
    tls,
    tokens,
    allowedHosts: allowHost,
    run: path.basename(context.path),
    onRefused: (peer, { code, message }) => progress.notice(`refused ${peer}: ${message} [${code}]`),
  });
  for (const warning of cluster.warnings) progress.notice(`warning: ${warning}`);
  // On this machine the token is found by itself.
  const token = isLoopback(address.host) ? '' : `GANTRY_TOKEN=${tokens.work} `;
  progress.notice(`attach workers with: ${token}${cluster.joinCommand}`);
  progress.notice(`or a browser's tab: ${cluster.joinUrl}`);
  progress.notice(`dashboard: ${cluster.dashboardUrl}`);
  return {
    cluster,
    close: (reason) => {
      cluster.dismiss(reason);
      return Promise.resolve();
    },
  };
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which listens on all addresses. */
function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('Expected HOST:PORT, for example 127.0.0.1:7070.');
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

import { InvalidArgumentError, Option, type Command } from 'commander';

/** Where a run listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The options of every command whose run others can join. */
export interface ListenFlags {
  readonly listen?: Address;
  readonly allowHost?: string[];
}

/** @param unlessGiven where the command listens by default */
export function addListenOptions(command: Command, purpose: string, unlessGiven?: Address): Command {
  const listen = new Option('--listen <host:port>', purpose).argParser(parseAddress);
  return command
    .addOption(unlessGiven ? listen.default(unlessGiven, addressText(unlessGiven)) : listen)
    .option('--allow-host <host...>', 'names under which workers reach this machine, beside the address itself');
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which listens on all addresses. */
function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('Expected HOST:PORT, for example 127.0.0.1:7070.');
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

/** As `--listen` takes it. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

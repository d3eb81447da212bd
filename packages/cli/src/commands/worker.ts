import { hostname } from 'node:os';
import { isAnnounced, localWorkToken } from '@gantry/coordinator/announcement';
import { GantryError, plainText } from '@gantry/core';
import {
  DEFAULT_IMAGE_CACHE_BYTES,
  ENGINE_NAMES,
  parseDevice,
  parseEndpoint,
  prepareDevice,
  runWorker,
  type Device,
  type Endpoint,
  type EngineName,
} from '@gantry/worker';
import { Command, Option } from 'commander';
import { availableCores } from '../available-cores.ts';
import { fasterPlace } from './doctor-record.ts';
import { readText } from '../options/files.ts';
import { wholeNumber } from '../options/options.ts';
import { abortOnSignals } from '../signals.ts';
import { WorkerProgress } from '../workers/worker-progress.ts';

interface WorkerFlags {
  readonly engine?: EngineName;
  readonly device: Device;
  readonly threads: number;
  readonly name: string;
  readonly tokenFile?: string;
  readonly tlsCa?: string;
  readonly giveUpAfter?: number;
  readonly imageCache: number;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('compute for a coordinator, here or on another machine')
    .argument('<url>', 'the coordinator, such as ws://127.0.0.1:7070')
    .addOption(new Option('--engine <name>', 'what computes').choices(ENGINE_NAMES))
    .option('--device <name>', 'where it computes: cpu, webgpu, cuda or cuda:INDEX', parseDevice, 'cpu')
    .option('--threads <n>', 'shards at the same time, one thread each', wholeNumber(1, 1024), availableCores())
    .option('--name <name>', 'how the worker is called', `${hostname().slice(0, 50)}-${process.pid}`)
    .option('--token-file <file>', 'file with the token (default: $GANTRY_TOKEN, or that of a coordinator here)')
    .option('--tls-ca <file>', 'PEM certificates to trust instead of those of the system')
    .option(
      '--give-up-after <seconds>',
      'end with an error when no coordinator has answered for so long (default: never)',
      wholeNumber(1),
    )
    .option(
      '--image-cache <MB>',
      'memory for images, so that each comes once over a connection; 0: none',
      wholeNumber(0, 1_000_000),
      Math.round(DEFAULT_IMAGE_CACHE_BYTES / 2 ** 20),
    )
    .action(runWorkerCommand);
}

async function runWorkerCommand(url: string, flags: WorkerFlags): Promise<void> {
  const { device, threads } = flags;
  const engine = await prepareDevice(flags.engine, device);
  const name = requireName(flags.name);
  const endpoint = parseEndpoint(url);
  const tlsCa = await readCertificates(flags.tlsCa, endpoint);
  const { token, source } = await findToken(flags.tokenFile, endpoint, tlsCa);
  const progress = new WorkerProgress(process.stderr);
  const signal = leaveOnSignals(progress);
  progress.notice(
    `worker ${name}: ${engine} engine on ${device}, ${threads} thread${threads === 1 ? '' : 's'}, for ${endpoint.url.href}`,
  );
  const faster = await fasterPlace(engine, device, threads);
  if (faster) {
    progress.notice(
      `gantry doctor found ${faster.engine} on ${faster.device} to be faster here (${faster.imagesPerSecond.toFixed(0)} images/s): ` +
        `--engine ${faster.engine} --device ${faster.device}`,
    );
  }
  try {
    await runWorker({
      url: endpoint.url.href,
      token,
      engine,
      device,
      threads,
      name,
      // Set by a run for the workers that it starts itself.
      identity: process.env['GANTRY_IDENTITY'],
      tlsCa,
      imageCacheBytes: flags.imageCache * 2 ** 20,
      giveUpAfterMs: flags.giveUpAfter === undefined ? undefined : flags.giveUpAfter * 1000,
      signal,
      observer: progress,
    });
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'E_AUTH') throw error;
    throw new GantryError('E_AUTH', `${error.message} (used: ${source})`, { cause: error });
  } finally {
    progress.stop();
  }
}

function requireName(text: string): string {
  const name = plainText(text);
  if (name !== '' && name.length <= 64) return name;
  throw new GantryError('E_CONFIG', `--name: expected 1 to 64 visible characters, got ${name.length}`);
}

async function readCertificates(file: string | undefined, { url }: Endpoint): Promise<string | undefined> {
  if (file === undefined) return undefined;
  if (url.protocol !== 'wss:') throw new GantryError('E_CONFIG', '--tls-ca is for coordinators with TLS: wss://…');
  const certificates = await readText('--tls-ca', file);
  if (certificates.includes('-----BEGIN CERTIFICATE-----')) return certificates;
  throw new GantryError('E_CONFIG', `--tls-ca ${file}: not a PEM file with certificates`);
}

interface FoundToken {
  readonly token: string | (() => Promise<string>);
  /** For people. */
  readonly source: string;
}

/** The token: from the URL's fragment, $GANTRY_TOKEN, `--token-file`, or a coordinator of this machine, in that order. */
async function findToken(file: string | undefined, endpoint: Endpoint, tlsCa?: string): Promise<FoundToken> {
  const { token: inUrl, loopback, port } = endpoint;
  const sources: readonly (readonly [source: string, look: () => Promise<string | undefined> | string | undefined])[] =
    [
      ['that of the URL', () => inUrl],
      ['that of GANTRY_TOKEN', () => process.env['GANTRY_TOKEN']?.trim()],
      [`that of ${file}`, () => tokenIn(file)],
    ];
  for (const [source, look] of sources) {
    const token = await look();
    if (!token) continue;
    // Anything else could not stand in a header.
    if (/^[\x21-\x7e]+$/.test(token)) return { token, source };
    throw new GantryError('E_AUTH', 'the token contains characters that no token has');
  }
  if (loopback && (await isAnnounced(port))) {
    const source = `the one that a coordinator of this user noted for port ${port}`;
    return { token: () => notedToken(endpoint, tlsCa), source };
  }
  const local = loopback ? `no coordinator of this user on port ${port} here; ` : '';
  throw new GantryError(
    'E_AUTH',
    `no token: ${local}set GANTRY_TOKEN, give --token-file FILE, or start a coordinator on this machine`,
  );
}

/** The token that was noted for a port; who noted it may have been killed, and another program may listen there now. */
async function notedToken({ url, port }: Endpoint, tlsCa: string | undefined): Promise<string> {
  const token = await localWorkToken(new URL(url.origin.replace(/^ws/, 'http')), tlsCa);
  if (token !== undefined) return token;
  throw new Error(`no coordinator of this user on port ${port} here`);
}

async function tokenIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const token = (await readText('--token-file', file)).trim();
  if (token === '') throw new GantryError('E_AUTH', `--token-file ${file}: the file is empty`);
  return token;
}

/**
 * The first SIGINT or SIGTERM lets the worker leave; a second one ends the process at once. It leaves, too, when the
 * process that started it with a channel is gone.
 */
function leaveOnSignals(progress: WorkerProgress): AbortSignal {
  const controller = abortOnSignals(() => progress.notice('leaving; once more to stop at once'));
  if (process.send && !process.connected) controller.abort();
  process.once('disconnect', () => controller.abort());
  // Listening must not keep the process from ending.
  process.channel?.unref();
  return controller.signal;
}

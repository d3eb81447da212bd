import { GantryError, MAX_FRAME_BYTES, type JoinCommands, type Program, type Samples, type Scheme } from '@gantry/core';
import type { ConvolutionForm } from '@gantry/compiler';
import { DashboardRoutes } from '../monitoring/dashboard-routes.ts';
import { isLoopback } from './access-control.ts';
import { joinCommands } from './join-commands.ts';
import { loadPage, pageDirectory } from '../monitoring/page-files.ts';
import { prepareDelivery, type Delivery } from './program-delivery.ts';
import type { ConvolutionChoice } from '../run/convolution-choice.ts';
import type { RunControl } from '../run/run-control.ts';
import type { RunWatch } from '../monitoring/run-watch.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import { RoundPayloads } from './round-payloads.ts';
import { startServer } from './server.ts';
import { announce, type Announcement } from './announcement.ts';
import type { Tokens } from './tokens.ts';
import { Uplink } from './uplink.ts';
import { UnfinishedMessages, roomForUnfinished } from './unfinished-messages.ts';
import { WatchHub } from '../monitoring/watch-hub.ts';
import { WorkerDownload } from './worker-download.ts';
import { WorkerConnection, type ConnectionContext } from './worker-connection.ts';

/** Room for a frame's header beside a contribution. */
const HEADER_ROOM_BYTES = 128 * 1024;

export interface ClusterOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** PEM texts; absent: no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Names under which the coordinator is reached, beside the address it listens on. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Name of the run, for people. */
  readonly run: string;
  readonly tokens: Tokens;
  readonly scheme: Scheme;
  readonly samples: Samples;
  readonly programFor: (convolutions: ConvolutionForm) => Program;
  readonly convolutions: ConvolutionChoice;
  readonly scheduler: Scheduler;
  /** Run directory. */
  readonly path: string;
  readonly watch: RunWatch;
  readonly control: RunControl;
  readonly onRefused: (peer: string, error: GantryError) => void;
  /** How many workers that the run starts itself are running or starting; absent: it starts none. */
  readonly ownWorkers?: (() => number) | undefined;
}

/** How people and workers get to a run. */
export interface Links {
  readonly join: JoinCommands;
  /** Makes a browser's tab a worker; the work token is its fragment. */
  readonly joinUrl: string;
  /** Shows the dashboard; the token to watch and control is its fragment. */
  readonly dashboardUrl: string;
}

/** The coordinator's server: remote workers join the scheduler through it, and people watch and steer the run. */
export interface Cluster {
  /** `ws://…` or `wss://…` */
  readonly url: string;
  readonly warnings: readonly string[];
  /** @param tokens as they shall stand there */
  links(tokens: Tokens): Links;
  /** @param identity of a worker that the run starts itself, and need not be wary of */
  trust(identity: string): void;
  /** Says goodbye to all workers, which have left when this returns; the dashboard stays. */
  dismiss(reason: 'finished' | 'stopped'): void;
  /** Stops listening. */
  close(): Promise<void>;
}

/** Starts to listen for workers. @throws GantryError E_CONFIG if the address or certificate cannot be used */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { scheme, samples, programFor, convolutions, scheduler, run, tokens, path, watch, control, onRefused } =
    options;
  const deliveries = new Map<Program, Promise<Delivery>>();
  const deliveryFor = (form: ConvolutionForm) => {
    const program = programFor(form);
    const delivery = deliveries.get(program) ?? prepareDelivery(run, program);
    deliveries.set(program, delivery);
    return delivery;
  };
  // Most workers need this one: the first shall not wait for it.
  await deliveryFor(convolutions.settledOn('cpu'));
  const payloads = new RoundPayloads(scheme.shapes, samples);
  const messageBytes = payloads.longestResultBytes + HEADER_ROOM_BYTES;
  const unfinished = new UnfinishedMessages(roomForUnfinished(messageBytes));
  const trusted = new Set<string>();
  const context: ConnectionContext = {
    payloads,
    convolutions,
    deliveryFor,
    scheduler,
    uplink: new Uplink(),
    unfinished,
    trusted,
    onRefused,
  };
  const connections = new Set<WorkerConnection>();
  const hub = new WatchHub(watch);
  const [page, download] = [await loadPage(pageDirectory()), await WorkerDownload.load()];
  const routes = new DashboardRoutes({ path, tokens, watch, control, page, download });
  let over: 'finished' | 'stopped' | undefined;
  let announcing: Promise<Announcement> | undefined;
  let announcement: Announcement | undefined;
  const { host, port, tls, allowedHosts } = options;
  const server = await startServer({
    host,
    port,
    tokens,
    ...(tls && { tls }),
    ...(allowedHosts && { allowedHosts }),
    maxPayloadBytes: Math.min(MAX_FRAME_BYTES, messageBytes),
    onRequest: routes.answer,
    prove: async (nonce, from) => (await announcing?.catch(() => undefined))?.prove(nonce, from),
    onWatcher: (socket) => hub.add(socket),
    onWorker: (socket, peer) => {
      const connection = new WorkerConnection(socket, peer, context);
      if (over) connection.bye(over, `the run is ${over}`);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
    },
  });
  const warnings = [...server.warnings];
  try {
    announcing = announce(server.port, tokens);
    announcement = await announcing;
  } catch (error) {
    if (!(error instanceof GantryError)) {
      await server.close();
      throw error;
    }
    // It is a convenience: who has the token needs none.
    warnings.push(`${error.message}: workers on this machine need the token, too`);
  }
  const join = (token: string): JoinCommands =>
    joinCommands({
      url: server.url,
      download,
      certificates: tls?.cert,
      // On this machine, workers find it by themselves.
      ...(!(isLoopback(host) && announcement) && { token }),
    });
  watch.joinBy(join('…'));
  scheduler.arrivals.openTo(join('…').shell, options.ownWorkers);
  const address = server.url.replace(/^ws/, 'http');
  return {
    url: server.url,
    warnings,
    links: ({ work, control: watching }) => ({
      join: join(work),
      joinUrl: `${address}/join#token=${work}`,
      dashboardUrl: `${address}/#token=${watching}`,
    }),
    trust: (identity) => void trusted.add(identity),
    dismiss: (reason) => {
      over = reason;
      for (const connection of connections) connection.bye(reason, `the run is ${reason}`);
    },
    close: async () => {
      hub.close();
      await announcement?.withdraw();
      await server.close();
    },
  };
}

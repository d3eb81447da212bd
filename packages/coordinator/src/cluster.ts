import {
  PROTOCOL_VERSION,
  leafLayout,
  manifestBytes,
  manifestToWire,
  programsBytes,
  sha256,
  type GantryError,
  type Program,
} from '@gantry/core';
import type { Scheduler } from './scheduler.ts';
import { startServer } from './server.ts';
import { announceTokens, type Tokens } from './tokens.ts';
import { WorkerConnection, type ConnectionContext } from './worker-connection.ts';

const HEARTBEAT_MS = 1000;
/** Room for a frame's header beside a leaf. */
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
  readonly program: Program;
  readonly scheduler: Scheduler;
  readonly onRefused: (peer: string, error: GantryError) => void;
}

/** The coordinator's server: remote workers join the scheduler through it. */
export interface Cluster {
  /** `ws://…` or `wss://…` */
  readonly url: string;
  readonly warnings: readonly string[];
  /** Says goodbye to all workers and stops listening. */
  close(reason: 'finished' | 'stopped'): Promise<void>;
}

/** Starts to listen for workers. @throws GantryError E_CONFIG if the address or certificate cannot be used */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { program, scheduler, run, tokens, onRefused } = options;
  const programs = await Promise.all(
    program.variants.map(async ({ samples, onnx }) => ({ samples, bytes: onnx.length, sha256: await sha256(onnx) })),
  );
  const context: ConnectionContext = {
    program,
    scheduler,
    onRefused,
    welcome: {
      type: 'welcome',
      protocol: PROTOCOL_VERSION,
      run,
      seed: program.seed,
      heartbeatMs: HEARTBEAT_MS,
      manifest: manifestToWire(program.manifest),
      programs,
    },
    hashes: { manifest: await sha256(manifestBytes(program.manifest)), program: await sha256(programsBytes(programs)) },
    quarantine: new Set(),
  };
  const connections = new Set<WorkerConnection>();
  const { host, port, tls, allowedHosts } = options;
  const server = await startServer({
    host,
    port,
    tokens,
    ...(tls && { tls }),
    ...(allowedHosts && { allowedHosts }),
    maxPayloadBytes: leafLayout(program.manifest).length * 4 + HEADER_ROOM_BYTES,
    onWorker: (socket, { address }) => {
      const connection = new WorkerConnection(socket, address, context);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
    },
  });
  const forget = await announceTokens(server.port, tokens).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return {
    url: server.url,
    warnings: server.warnings,
    close: async (reason) => {
      for (const connection of connections) connection.bye(reason, `the run is ${reason}`);
      await forget();
      await server.close();
    },
  };
}

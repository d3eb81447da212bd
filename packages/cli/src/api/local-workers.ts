import type { Cluster, Tokens } from '@gantry/coordinator';
import { GantryError } from '@gantry/core';
import {
  dealGpus,
  gpuAt,
  newIdentity,
  prepareDevice,
  requireFit,
  runWorker,
  visibleGpus,
  type Device,
  type EngineName,
} from '@gantry/worker';
import { WorkerProcesses } from '../workers/worker-processes.ts';

/** The workers that a run starts itself; more can join at any time. */
export interface LocalWorkers {
  /** Worker processes, one thread each. Default: none. */
  readonly processes?: number | undefined;
  /** Threads of one more worker, in this process. Default: none. */
  readonly threads?: number | undefined;
  /** Default: native where this machine has a C compiler, else onnx. */
  readonly engine?: EngineName | undefined;
  /** `cuda` deals the visible GPUs out to the processes. Default: cpu. */
  readonly device?: Device | 'cuda' | undefined;
}

/** Where one worker computes. */
interface Place {
  readonly engine: EngineName;
  readonly device: Device;
  /** The only one that it sees, as CUDA_VISIBLE_DEVICES names it. */
  readonly gpu?: string;
}

/** Workers of this machine that are not started yet. */
export interface PreparedWorkers {
  /** In words; undefined where there are none. */
  readonly description: string | undefined;
  start(to: Joining): StartedWorkers;
}

interface Joining {
  readonly cluster: Cluster;
  readonly tokens: Tokens;
  readonly notice: (text: string) => void;
  /** Called when the last one has ended for good, with its reason. */
  readonly noneLeft: (error: GantryError) => void;
}

export interface StartedWorkers {
  /** How many are there: ready, or on their way. */
  running(): number;
  /** Resolves once all have left; they are told by the cluster. */
  ended(): Promise<void>;
}

/** Looks for the devices: where one is not there, nothing shall have been made. @throws GantryError E_CONFIG, E_ENGINE */
export async function prepareWorkers(workers: LocalWorkers): Promise<PreparedWorkers> {
  const { processes = 0, threads = 0 } = workers;
  const places = processes > 0 ? await placesOf(workers, processes) : [];
  const inside = threads > 0 ? await insidePlace(workers) : undefined;
  return {
    description: inside ? threadsText(threads, inside) : processesText(places),
    start({ cluster, tokens, notice, noneLeft }) {
      const children = new WorkerProcesses(cluster, tokens.work, notice, noneLeft);
      places.forEach(({ engine, device, gpu }, i) => children.start(`local-${i + 1}`, engine, device, gpu));
      const leave = new AbortController();
      let working = inside ? 1 : 0;
      const own =
        inside &&
        workInside(inside, threads, cluster, tokens.work, leave.signal, notice)
          .catch(noneLeft)
          .finally(() => (working = 0));
      return {
        running: () => children.running + working,
        ended: async () => {
          await children.close();
          leave.abort();
          await own;
        },
      };
    },
  };
}

async function insidePlace({ engine, device = 'cpu' }: LocalWorkers): Promise<Place> {
  const own = device === 'cuda' ? 'cuda:0' : device;
  return { engine: await prepareDevice(engine, own), device: own };
}

/** Deals the visible GPUs out to the workers; all of them share any other device. */
async function placesOf({ engine: asked, device = 'cpu' }: LocalWorkers, workers: number): Promise<Place[]> {
  if (device === 'cpu' || device === 'webgpu') {
    const engine = await prepareDevice(asked, device);
    return Array.from({ length: workers }, () => ({ engine, device }));
  }
  const engine = asked ?? 'onnx';
  requireFit(engine, 'cuda:0');
  const gpus = device === 'cuda' ? await visibleGpus() : [await gpuAt(device)];
  // Each sees one GPU, which is the first one to it.
  return dealGpus(gpus, workers).map((gpu) => ({ engine, device: 'cuda:0', gpu }));
}

function threadsText(threads: number, { engine, device }: Place): string {
  return `${threads} thread${threads === 1 ? '' : 's'} of this process (${engine} engine on ${device})`;
}

function processesText(places: readonly Place[]): string | undefined {
  const [first] = places;
  if (!first) return undefined;
  const count = `${places.length} worker${places.length === 1 ? '' : 's'}`;
  const gpus = new Set(places.map(({ gpu }) => gpu)).size;
  const isShared = first.gpu !== undefined && gpus < places.length;
  const sharing = isShared ? `; ${count} share ${gpus} GPU${gpus === 1 ? '' : 's'} in turn` : '';
  return `${count} on this machine (${first.engine} engine on ${first.device})${sharing}`;
}

/** A worker like any other, whose engines are threads of this process. */
async function workInside(
  { engine, device }: Place,
  threads: number,
  cluster: Cluster,
  token: string,
  signal: AbortSignal,
  notice: (text: string) => void,
): Promise<void> {
  const nothing = () => undefined;
  const identity = newIdentity();
  cluster.trust(identity);
  try {
    await runWorker({
      url: cluster.url,
      identity,
      token,
      engine,
      device,
      threads,
      name: 'in-process',
      signal,
      observer: { connected: nothing, waiting: nothing, shardDone: nothing, notice: nothing },
    });
  } catch (error) {
    if (error instanceof GantryError)
      throw new GantryError('E_ENGINE', `this process cannot compute: ${error.message}`);
    notice(String(error));
    throw error;
  }
}

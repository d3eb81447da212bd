import { basename } from 'node:path';
import {
  openCluster,
  tokenFiles,
  train as runTraining,
  type AttachContext,
  type AuditOptions,
  type Cluster,
  type ConfigSource,
  type GivenConfig,
  type OwnModel,
  type RunObserver,
  type Summary,
} from '@gantry/coordinator';
import { GantryError, shellWords, type Control, type TrainConfig } from '@gantry/core';
import type { Model } from '@gantry/core/tfjs';
import { modelNamed, type Gan } from '@gantry/models';
import { isModelFile } from '../model-file/is-model-file.ts';
import { loadModel, namedGan } from '../model-file/load-model.ts';
import { newRunPath, newestRunPath } from '../options/run-paths.ts';
import { startReferee } from '../workers/referee.ts';
import { LiveRun, type Serving } from './live-run.ts';
import { prepareWorkers, type LocalWorkers, type StartedWorkers } from './local-workers.ts';
import { Updates } from './updates.ts';

/** Where workers and browsers reach a run. */
export interface Listen {
  /** Address or name; `0.0.0.0` and `::` mean all of the machine. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: any free one. */
  readonly port?: number | undefined;
  /** PEM texts; absent: connections are in the clear. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Names under which workers reach this machine, beside the address itself. */
  readonly allowedHosts?: readonly string[] | undefined;
}

export interface TrainOptions {
  /** Run directory. Default: `runs/<date-time>`, with `resume` the newest run in `runs/`. */
  readonly run?: string | undefined;
  /** Go on with the run that is there, from its newest checkpoint. Default: false. */
  readonly resume?: boolean | undefined;
  /** Settings, named as in run.json; or several sources of them, of which later ones win. */
  readonly config?: Partial<TrainConfig> | readonly ConfigSource[] | undefined;
  /**
   * What is trained: a name, the path of a file whose default export is what `defineGan` gives, or that itself. It wins over
   * `config.model`. Default: that of the configuration.
   */
  readonly model?: string | Gan | undefined;
  /** A run or a checkpoint whose weights a new run begins with, where names and shapes are the same; optimizers begin anew. */
  readonly initFrom?: string | undefined;
  /** Makes the model of a name that the configuration has. Default: those that ship with Gantry. */
  readonly models?: ((name: string) => Model) | undefined;
  /**
   * Folder with images: PNG, JPEG and WebP files, also in folders below, which are resized to what the model takes; `images.npy`; or
   * IDX files. Or an .npy file. Default: MNIST, or what the resumed run was started with.
   */
  readonly data?: string | undefined;
  /** Refuse a folder with files that give no image, instead of leaving them out with a notice. Default: false. */
  readonly strict?: boolean | undefined;
  /** Told of each file of a folder that was decoded, before there is a run. */
  readonly decoded?: ((done: number, total: number) => void) | undefined;
  /** Default: none; others join by `LiveRun.serving.join`. */
  readonly workers?: LocalWorkers | undefined;
  readonly listen?: Listen | undefined;
  /** Has a share of the units computed twice, by workers that must not differ in a bit. Default: workers are believed. */
  readonly audit?: AuditOptions | undefined;
  /** Aborted: the step under way is finished, a checkpoint is written, and the run ends; `train` rejects while images are decoded. */
  readonly signal?: AbortSignal | undefined;
  /** A round that is not done so many ms after that is given up: nothing but its work is lost. Default: 10,000. */
  readonly stopWithinMs?: number | undefined;
  /** Whether the dashboard stays after the end, until `LiveRun.close`. Default: false. */
  readonly stay?: boolean | undefined;
}

/**
 * Trains a run in this process: from its beginning, or from where it stands.
 * @returns once the run is there and others can join it
 * @throws GantryError E_CONFIG, E_DATASET, E_RUN_DIRECTORY, E_RESUME, E_CHECKPOINT, E_AUTH or E_ENGINE, in one line, before
 *   anything is made
 */
export async function train(options: TrainOptions = {}): Promise<LiveRun> {
  const { resume = false, listen = {}, stay = false } = options;
  const { processes = 0, threads = 0, engine, device = 'cpu' } = options.workers ?? {};
  if (resume && options.initFrom !== undefined) {
    throw new GantryError('E_CONFIG', '--init-from begins a new run, and --resume goes on with one: leave one out');
  }
  const model = await modelOf(options);
  if (listen.tls && processes + threads > 0) {
    throw new GantryError('E_CONFIG', 'with TLS, a run starts no workers itself: attach them by the join command');
  }
  // As the workers of this machine compute, or would.
  const isNative = engine === 'native' || (engine === undefined && device === 'cpu');
  const workers = await prepareWorkers(options.workers ?? {});
  const updates = new Updates();
  const failed = new AbortController();
  let cluster: Cluster | undefined;
  return new Promise<LiveRun>((resolve, reject) => {
    const attachWorkers = async (context: AttachContext) => {
      const notice = (text: string) => updates.push({ type: 'notice', text });
      const { tokens } = context;
      let started: StartedWorkers | undefined;
      const opened = await openCluster({
        ...context,
        host: listen.host ?? '127.0.0.1',
        port: listen.port ?? 0,
        tls: listen.tls,
        allowedHosts: listen.allowedHosts,
        run: basename(context.path),
        ownWorkers: workers.description === undefined ? undefined : () => started?.running() ?? 0,
        onRefused: (peer, { code, message }) => notice(`refused ${peer}: ${message} [${code}]`),
      });
      cluster = opened;
      const files = tokenFiles(context.path);
      const serving: Serving = {
        url: opened.url,
        warnings: opened.warnings,
        ...opened.links(tokens),
        withoutTokens: opened.links({ work: contentOf(files.work), control: contentOf(files.control) }),
      };
      if (workers.description !== undefined) notice(workers.description);
      const noneLeft = (error: GantryError) => {
        // Others may have come from elsewhere.
        if (context.scheduler.workers.length === 0) failed.abort(error);
      };
      started = workers.start({ cluster: opened, tokens, notice, noneLeft });
      const control = (action: Control) => context.control.act(action, 'this process');
      resolve(new LiveRun({ path: context.path, serving, updates, finished, control, close: () => opened.close() }));
      return {
        close: async (reason: 'finished' | 'stopped') => {
          const ended = started?.ended();
          opened.dismiss(reason);
          await ended;
        },
      };
    };
    const trained = async (): Promise<Summary | undefined> => {
      try {
        const summary = await runTraining({
          path: options.run ?? (resume ? newestRunPath() : newRunPath()),
          resume,
          config: [...sourcesOf(options.config), ...model.config],
          modelNamed: model.named,
          own: model.own,
          initFrom: options.initFrom,
          dataDirectory: options.data,
          decoding: { strict: options.strict, decoded: options.decoded, signal: options.signal },
          attachWorkers,
          pictureEngine: isNative ? 'native' : 'onnx',
          startReferee: (programFor, load) =>
            startReferee(programFor, load, engine, device === 'cuda' ? 'cuda:0' : device),
          stopWithinMs: options.stopWithinMs,
          audit: options.audit,
          observer: observerOf(updates),
          signal: AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]),
        });
        if (!summary) failed.signal.throwIfAborted();
        return summary;
      } finally {
        if (!stay) await cluster?.close();
      }
    };
    const finished = trained();
    finished.then(
      () => updates.end(),
      (error: unknown) => {
        updates.end({ error });
        // Without effect where the run was there already.
        reject(error);
      },
    );
  });
}

/** What a POSIX shell puts in its place. */
function contentOf(file: string): string {
  return `$(cat ${shellWords([file])})`;
}

/** What is trained, as the coordinator takes it. @throws GantryError E_CONFIG */
async function modelOf({ model, models }: TrainOptions): Promise<{
  readonly config: readonly ConfigSource[];
  readonly named: (name: string) => Model;
  readonly own?: OwnModel | undefined;
}> {
  if (model !== undefined && models) throw new GantryError('E_CONFIG', 'give model or models, and not both');
  if (models) return { config: [], named: models, own: {} };
  if (model === undefined) return { config: [], named: modelNamed };
  if (typeof model === 'string' && !isModelFile(model)) return { config: [modelSource(model)], named: modelNamed };
  const { gan, name, file, source } = typeof model === 'string' ? await loadModel(model) : namedGan(model);
  return { config: [modelSource(name)], named: (asked) => gan.model(asked), own: { file, source } };
}

function modelSource(name: string): ConfigSource {
  return {
    settings: { model: name },
    describe: (_, value) => `--model${value === undefined ? '' : ` ${value}`}`,
  };
}

function sourcesOf(config: TrainOptions['config']): readonly ConfigSource[] {
  if (Array.isArray(config)) return config as readonly ConfigSource[];
  const describe = (path: readonly string[], value?: string) =>
    `${path.join('.')}${value === undefined ? '' : ` ${value}`}`;
  return [{ settings: (config ?? {}) as GivenConfig, describe }];
}

function observerOf(updates: Updates): RunObserver {
  return {
    started: (info) => updates.push({ type: 'started', ...info }),
    stepped: (step, metrics, imagesPerSecond) => updates.push({ type: 'step', step, metrics, imagesPerSecond }),
    underWay: (step, steps) => updates.push({ type: 'under-way', step, steps }),
    sampled: (file) => updates.push({ type: 'samples', epoch: 0, file }),
    epochDone: (epoch, seconds, file) => {
      if (file !== undefined) updates.push({ type: 'samples', epoch, file });
      updates.push({ type: 'epoch', epoch, seconds });
    },
    evaluated: (evaluation) => updates.push({ type: 'evaluation', evaluation }),
    event: (event) => updates.push({ type: 'event', event }),
    notice: (text) => updates.push({ type: 'notice', text }),
  };
}

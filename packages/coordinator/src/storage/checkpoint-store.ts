import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GantryError, epochsAfter, type DataPlan, type ModelManifest, type TrainingState } from '@gantry/core';
import {
  encodeCheckpoint,
  readCheckpoint,
  readGeneratorFile,
  readNetworkTensors,
  readStateRecord,
  type SavedGenerator,
  type SavedTensors,
} from './checkpoint-files.ts';
import {
  ASIDE_PREFIX,
  diskError,
  makeDirectory,
  messageOf,
  syncDirectory,
  systemErrorCode,
  writeSynced,
} from './durable-files.ts';

const NEWEST_KEPT = 3;
const EPOCHS_KEPT_EVERY = 15;
/** A link to the best checkpoint. */
const BEST = 'best';

/** A state and what was wrong with the newer ones, in a line each. */
export interface Restored {
  readonly state: TrainingState;
  readonly skipped: readonly string[];
}

/**
 * The checkpoints of a run. Whenever the process is killed, each checkpoint is there as a whole or not at all. The newest
 * 3 are kept, that of every 15th epoch, and the best, to which the link `best` leads; and that before the first step, which
 * runs have whose first weights were not drawn.
 */
export class CheckpointStore {
  readonly #path: string;
  readonly #manifest: ModelManifest;
  /** Steps whose checkpoints this process wrote or read: they are known to be whole. */
  readonly #whole = new Set<number>();
  #saves = 0;
  /** The step of the best one. */
  #best: number | undefined;
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, manifest: ModelManifest) {
    this.#path = path;
    this.#manifest = manifest;
  }

  /**
   * Opens the checkpoints of a run whose directory this process holds, and removes what a killed process left half done.
   * @param run path of the run directory
   * @throws GantryError E_RUN_DIRECTORY
   */
  static async open(run: string, manifest: ModelManifest): Promise<CheckpointStore> {
    const path = checkpointsOf(resolve(run));
    await makeDirectory(path);
    try {
      for (const name of await readdir(path)) {
        if (name.startsWith(ASIDE_PREFIX)) await rm(join(path, name), { recursive: true });
      }
      return new CheckpointStore(path, manifest);
    } catch (cause) {
      throw diskError(path, cause);
    }
  }

  /**
   * Saves a state, which is copied before this returns, and resolves once it is on the disk. A second call waits for
   * the first; a third must not be made before the first has resolved. A run has one state at a step: the checkpoint
   * of a step that was already saved or restored is not written again.
   * @throws GantryError E_RUN_DIRECTORY; the checkpoints saved before are untouched then
   */
  async save(state: TrainingState, plan: DataPlan): Promise<void> {
    const { step } = state;
    if (this.#saves === 2) throw new Error('two checkpoints are being saved already: wait for one of them');
    const files = encodeCheckpoint(state, this.#manifest, epochEndedBy(step, plan));
    this.#saves++;
    const previous = this.#last;
    const save = async () => {
      // Whether the one before succeeded is its caller's concern.
      await previous.catch(() => undefined);
      try {
        if (!this.#whole.has(step)) await this.#write(step, files);
        await this.#removeOld(step);
      } catch (cause) {
        throw diskError(join(this.#path, nameOf(step)), cause);
      } finally {
        this.#saves--;
      }
    };
    this.#last = save();
    return this.#last;
  }

  /**
   * Keeps the checkpoint of a step as the best one, and lets the link `best` lead to it where the file system has links.
   * @returns false if there is no such checkpoint
   */
  async keepBest(step: number): Promise<boolean> {
    await this.#last.catch(() => undefined);
    if (!(await exists(join(this.#path, nameOf(step))))) return false;
    this.#best = step;
    // People follow it; what is best is known without.
    await this.#linkBest(step).catch(() => undefined);
    return true;
  }

  async #linkBest(step: number): Promise<void> {
    const [link, aside] = [join(this.#path, BEST), join(this.#path, `${ASIDE_PREFIX}${BEST}`)];
    if ((await readlink(link).catch(() => undefined)) === nameOf(step)) return;
    await rm(aside, { recursive: true, force: true });
    await symlink(nameOf(step), aside, 'dir');
    // Whoever copied the run may have made a directory of the link.
    const isDirectory = await lstat(link).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isDirectory) await rm(link, { recursive: true });
    await rename(aside, link);
    await syncDirectory(this.#path);
  }

  /**
   * Restores the newest checkpoint of which every byte is as it was written.
   * @returns undefined if none was ever saved
   * @throws GantryError E_CHECKPOINT if there are some, and none is valid; E_RESUME if a later version wrote one
   */
  async restore(): Promise<Restored | undefined> {
    const steps = await stepsIn(this.#path);
    if (steps.length === 0) return undefined;
    const { value: state, skipped } = await newestValid(this.#path, steps, (directory) =>
      readCheckpoint(directory, this.#manifest),
    );
    this.#whole.add(state.step);
    return { state, skipped };
  }

  /**
   * Goes back to the newest valid checkpoint of `step` steps or fewer; later ones are removed.
   * @returns undefined if there is none
   * @throws GantryError E_CHECKPOINT, E_RUN_DIRECTORY
   */
  async goBackTo(step: number): Promise<TrainingState | undefined> {
    await this.#last.catch(() => undefined);
    const steps = await stepsIn(this.#path);
    try {
      for (const later of steps.filter((each) => each > step)) await this.#remove(later);
      await syncDirectory(this.#path);
    } catch (cause) {
      throw diskError(this.#path, cause);
    }
    return (await this.restore())?.state;
  }

  async #write(step: number, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
    const target = join(this.#path, nameOf(step));
    const aside = this.#aside(step, 'new');
    try {
      await mkdir(aside);
      for (const [name, data] of files) await writeSynced(join(aside, name), data);
      await syncDirectory(aside);
      // Only a damaged one can be in the way: valid ones of later steps are restored, not reached again.
      await this.#remove(step);
      await rename(aside, target);
      await syncDirectory(this.#path);
    } catch (cause) {
      await rm(aside, { recursive: true, force: true });
      throw cause;
    }
    this.#whole.add(step);
  }

  async #removeOld(saved: number): Promise<void> {
    const steps = await stepsIn(this.#path);
    const newest = steps.filter((step) => step <= saved).slice(0, NEWEST_KEPT);
    for (const step of steps) {
      // Those of later steps were damaged, or the run would have been restored from there.
      const isKept = step <= saved && (step === 0 || step === this.#best || (await this.#endsKeptEpoch(step)));
      if (!newest.includes(step) && !isKept) await this.#remove(step);
    }
  }

  async #endsKeptEpoch(step: number): Promise<boolean> {
    try {
      const { epoch } = await readStateRecord(join(this.#path, nameOf(step)));
      return epoch !== null && epoch % EPOCHS_KEPT_EVERY === 0;
    } catch (error) {
      if (error instanceof GantryError) return false;
      throw error;
    }
  }

  /** Removes a checkpoint, if it is there, in such a way that no part of it can be seen in between. */
  async #remove(step: number): Promise<void> {
    const aside = this.#aside(step, 'old');
    try {
      if (step === this.#best) {
        await rm(join(this.#path, BEST), { recursive: true, force: true });
        this.#best = undefined;
      }
      await rename(join(this.#path, nameOf(step)), aside);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return;
      throw cause;
    }
    this.#whole.delete(step);
    await rm(aside, { recursive: true });
  }

  #aside(step: number, which: 'new' | 'old'): string {
    return join(this.#path, `${ASIDE_PREFIX}${which}-${nameOf(step)}`);
  }
}

/**
 * Reads the generator from a run directory (its newest valid checkpoint) or from one checkpoint.
 * @throws GantryError E_CHECKPOINT if there is none that is valid
 */
export function readGenerator(path: string, manifest: ModelManifest, network = 'generator'): Promise<SavedGenerator> {
  return newestOf(path, (directory) => readGeneratorFile(directory, manifest, network));
}

/**
 * Reads the weights of all networks from a run directory (its newest valid checkpoint) or from one checkpoint, by their names.
 * @throws GantryError E_CHECKPOINT if there is none that is valid
 */
export function readTensors(path: string): Promise<SavedTensors> {
  return newestOf(path, readNetworkTensors);
}

/** @param path run directory, or a checkpoint's */
async function newestOf<T extends { readonly step: number }>(
  path: string,
  read: (directory: string) => Promise<T>,
): Promise<T> {
  const absolute = resolve(path);
  if (await exists(join(absolute, 'state.json'))) {
    try {
      return await read(absolute);
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      throw new GantryError('E_CHECKPOINT', `${absolute} is not valid: ${error.message}`, { cause: error });
    }
  }
  const steps = await stepsIn(checkpointsOf(absolute));
  if (steps.length === 0)
    throw new GantryError('E_CHECKPOINT', `${absolute} is neither a checkpoint nor a run with one`);
  return (await newestValid(checkpointsOf(absolute), steps, read)).value;
}

/** sha256, in hexadecimal, over all weights: the trainable ones, then the moving statistics, as little-endian float32. */
export function weightsDigest({ weights, movingStatistics }: TrainingState): string {
  // update() takes the bytes of the array's memory: little-endian on every machine that Node supports but s390x.
  return createHash('sha256').update(weights).update(movingStatistics).digest('hex');
}

/** The number of epochs done, if `step` steps end one. */
function epochEndedBy(step: number, plan: DataPlan): number | null {
  if (step === 0) return null;
  const epoch = epochsAfter(step, plan);
  return epoch > epochsAfter(step - 1, plan) ? epoch : null;
}

async function newestValid<T extends { readonly step: number }>(
  path: string,
  steps: readonly number[],
  read: (directory: string) => Promise<T>,
): Promise<{ value: T; skipped: string[] }> {
  const skipped: string[] = [];
  for (const step of steps) {
    try {
      const value = await read(join(path, nameOf(step)));
      if (value.step === step) return { value, skipped };
      skipped.push(`${nameOf(step)}: state.json is that of step ${value.step}`);
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'E_CHECKPOINT') throw error;
      skipped.push(`${nameOf(step)}: ${error.message}`);
    }
  }
  throw new GantryError('E_CHECKPOINT', `no checkpoint in ${path} is valid: ${skipped.join('; ')}`);
}

function checkpointsOf(run: string): string {
  return join(run, 'checkpoints');
}

/** Where the checkpoint of a step is. */
export function checkpointAt(run: string, step: number): string {
  return join(checkpointsOf(resolve(run)), nameOf(step));
}

function nameOf(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

function stepOf(name: string): number | undefined {
  const digits = /^step-(\d{8,})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Steps of a run's checkpoints, newest first. @throws GantryError E_CHECKPOINT if they cannot be listed */
export function checkpointSteps(run: string): Promise<number[]> {
  return stepsIn(checkpointsOf(resolve(run)));
}

/**
 * Reads a checkpoint of a run.
 * @param step absent: the newest that is valid
 * @throws GantryError E_CHECKPOINT if there is none that is valid
 */
export async function readState(run: string, manifest: ModelManifest, step?: number): Promise<TrainingState> {
  const path = checkpointsOf(resolve(run));
  const steps = await stepsIn(path);
  if (steps.length === 0) throw new GantryError('E_CHECKPOINT', `${path} holds no checkpoint yet`);
  const wanted = step === undefined ? steps : steps.filter((each) => each === step);
  if (wanted.length === 0) {
    throw new GantryError('E_CHECKPOINT', `${path} has no checkpoint of step ${step}: there are ${steps.join(', ')}`);
  }
  return (await newestValid(path, wanted, (directory) => readCheckpoint(directory, manifest))).value;
}

/** The steps that have a checkpoint, newest first; none if the directory does not exist. */
async function stepsIn(path: string): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return [];
    throw new GantryError('E_CHECKPOINT', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  return names
    .map(stepOf)
    .filter((step) => step !== undefined)
    .toSorted((a, b) => b - a);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

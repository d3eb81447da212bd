import { readFile, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  GantryError,
  recordedEvent,
  type EpochEvaluation,
  type EventLine,
  type RecordedEvent,
  type RunEvent,
} from '@gantry/core';
import { tokenFiles } from '../network/tokens.ts';
import {
  ASIDE_PREFIX,
  makeDirectory,
  messageOf,
  syncDirectory,
  systemErrorCode,
  writeFileDurably,
} from './durable-files.ts';
import { JsonLinesFile } from './json-lines.ts';
import type { MetricsLine, WorkLine } from './run-lines.ts';
import { RunLock, isLockFile } from './run-lock.ts';
import { sealedJson } from './sealed-json.ts';

const SAMPLES = 'samples';
const GENERATORS = 'generators';
const LINE_FILES = ['metrics.jsonl', 'work.jsonl', 'events.jsonl', 'evaluations.jsonl'] as const;

/** What there may be of a model that does not ship with Gantry: its pictures' programs as data, and its source, to be read by people. */
export const MODEL_FILES = [
  'model.json',
  'generator.onnx',
  'generator-statistics.onnx',
  'model.ts',
  'model.js',
  'model.mts',
  'model.mjs',
] as const;

/**
 * The directory of one run, held by one process at a time, see `RunLock`. What is appended survives the process; what is written
 * replaces the old file at once or not at all. Every method that writes throws GantryError E_RUN_DIRECTORY in one line
 * that names the file, and leaves what was saved before.
 */
export class RunDirectory {
  /** Absolute. */
  readonly path: string;
  /** The text of run.json when the run was opened: sealed, unless it is damaged or of another version. */
  readonly runJson: string;
  readonly #lock: RunLock;
  /** Whether this process made the directory itself. */
  readonly #isMade: boolean;
  readonly #metrics: JsonLinesFile<MetricsLine>;
  readonly #work: JsonLinesFile<WorkLine>;
  readonly #events: JsonLinesFile<RecordedEvent>;
  readonly #evaluations: JsonLinesFile<EpochEvaluation>;

  private constructor(path: string, runJson: string, lock: RunLock, files: LineFiles, isMade: boolean) {
    this.path = path;
    this.runJson = runJson;
    this.#lock = lock;
    this.#isMade = isMade;
    [this.#metrics, this.#work, this.#events, this.#evaluations] = files;
  }

  /**
   * Makes the directory of a new run; it may exist, if it is empty. Where that fails, all is as before.
   * @throws GantryError E_RUN_DIRECTORY if it holds a run or anything else, is locked or cannot be written
   */
  static async create(path: string, record: object): Promise<RunDirectory> {
    const absolute = resolve(path);
    const isMade = await makeDirectory(absolute);
    const create = async (lock: RunLock) => {
      // Locks and unfinished files are what a crash leaves of a run that had not begun.
      const names = (await readdir(absolute)).filter((name) => !isLockFile(name) && !name.startsWith(ASIDE_PREFIX));
      if (names.includes('run.json')) {
        throw refusal(`${absolute} holds a run already: go on with it by --resume, or choose another --run`);
      }
      if (names.length > 0) throw refusal(`${absolute} is not empty: choose another --run`);
      const runJson = sealedJson(record);
      try {
        await writeFileDurably(runFile(absolute), runJson);
        return new RunDirectory(absolute, runJson, lock, await openLineFiles(absolute), isMade);
      } catch (error) {
        await removeNewRun(absolute);
        throw error;
      }
    };
    try {
      return await locked(absolute, create);
    } catch (error) {
      if (isMade) await removeIfEmpty(absolute);
      throw error;
    }
  }

  /**
   * Opens a run to go on with it; `truncateTo` comes before the first line that is appended.
   * @throws GantryError E_RUN_DIRECTORY if it is not a run, is locked or cannot be written
   */
  static async open(path: string): Promise<RunDirectory> {
    const absolute = resolve(path);
    const file = runFile(absolute);
    try {
      await stat(file);
    } catch (cause) {
      throw new GantryError('E_RUN_DIRECTORY', `${absolute} is not a run: it has no run.json`, { cause });
    }
    return locked(absolute, async (lock) => {
      let runJson: string;
      try {
        runJson = await readFile(file, 'utf8');
      } catch (cause) {
        throw new GantryError('E_RUN_DIRECTORY', `${file} cannot be read: ${messageOf(cause)}`, { cause });
      }
      return new RunDirectory(absolute, runJson, lock, await openLineFiles(absolute), false);
    });
  }

  appendMetrics(line: MetricsLine): void {
    this.#lock.check();
    this.#metrics.append(line);
  }

  appendWork(line: WorkLine): void {
    this.#lock.check();
    this.#work.append(line);
  }

  appendEvaluation(line: EpochEvaluation): void {
    this.#lock.check();
    this.#evaluations.append(line);
  }

  /** Records an event with the present time. @returns the line */
  appendEvent(event: RunEvent & { readonly step: number }): EventLine {
    this.#lock.check();
    const line = { time: new Date().toISOString(), ...event };
    this.#events.append(line);
    return line;
  }

  /** Waits until all appended lines are on the disk. */
  async flush(): Promise<void> {
    this.#lock.check();
    await Promise.all(this.#lineFiles().map((file) => file.flush()));
  }

  /**
   * Goes back to when `step` steps were done: cuts the lines of later ones off the .jsonl files, and torn last lines,
   * and removes the summary, which only a finished run has.
   */
  async truncateTo(step: number): Promise<void> {
    this.#lock.check();
    await rm(this.#summary, { force: true });
    await Promise.all(this.#lineFiles().map((file) => file.truncateTo(step)));
  }

  /** All lines of metrics.jsonl. @throws GantryError E_RUN_DIRECTORY for a damaged one */
  metrics(): AsyncGenerator<MetricsLine> {
    return this.#metrics.read();
  }

  /** All lines of events.jsonl, whichever version wrote them. @throws GantryError E_RUN_DIRECTORY for a damaged one */
  async *events(): AsyncGenerator<RecordedEvent> {
    for await (const line of this.#events.read()) yield recordedEvent(line);
  }

  /** All lines of evaluations.jsonl. @throws GantryError E_RUN_DIRECTORY for a damaged one */
  evaluations(): AsyncGenerator<EpochEvaluation> {
    return this.#evaluations.read();
  }

  async writeRunJson(record: object): Promise<void> {
    this.#lock.check();
    await writeFileDurably(runFile(this.path), sealedJson(record));
  }

  /** Writes what is kept of a model that does not ship with Gantry. @param files by name */
  async writeModel(files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
    this.#lock.check();
    for (const [name, data] of files) await writeFileDurably(join(this.path, name), data);
  }

  async writeSummary(summary: unknown): Promise<void> {
    this.#lock.check();
    await writeFileDurably(this.#summary, `${JSON.stringify(summary, null, 2)}\n`);
  }

  /** @param epoch 0 before training @returns the file's path */
  async writeSample(epoch: number, png: Uint8Array): Promise<string> {
    this.#lock.check();
    const file = sampleFile(this.path, epoch);
    await makeDirectory(this.#samples);
    await writeFileDurably(file, png);
    return file;
  }

  /** Writes the grid of real images that samples are compared with. */
  async writeRealImages(png: Uint8Array): Promise<void> {
    this.#lock.check();
    await makeDirectory(this.#samples);
    await writeFileDurably(realImagesFile(this.path), png);
  }

  /** Writes what is kept of an epoch's generator. @param files by name */
  async writeGenerator(epoch: number, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
    this.#lock.check();
    const folder = join(this.path, GENERATORS, `epoch-${String(epoch).padStart(4, '0')}`);
    await makeDirectory(folder);
    // Last what names the hashes of the others: without it, nothing is there.
    for (const [name, data] of files) await writeFileDurably(join(folder, name), data);
  }

  /** Removes the generators of later epochs, whose steps will be done again. */
  async removeGeneratorsAfter(epoch: number): Promise<void> {
    this.#lock.check();
    const folder = join(this.path, GENERATORS);
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names.filter((each) => epochOf(`${each}.png`) > epoch)) {
      await rm(join(folder, name), { recursive: true });
    }
  }

  /** Paths of the samples written so far, by epoch. */
  async sampleFiles(): Promise<string[]> {
    let names: string[] = [];
    try {
      names = await readdir(this.#samples);
    } catch (cause) {
      if (systemErrorCode(cause) !== 'ENOENT') throw cause;
    }
    return names
      .filter((name) => epochOf(name) >= 0)
      .toSorted((a, b) => epochOf(a) - epochOf(b))
      .map((name) => join(this.#samples, name));
  }

  /** Epochs with a sample, in order. */
  async sampleEpochs(): Promise<number[]> {
    return (await this.sampleFiles()).map((file) => epochOf(basename(file)));
  }

  get gifFile(): string {
    return join(this.path, 'samples.gif');
  }

  /** Gives the directory free; nothing may be written any more. */
  async close(): Promise<void> {
    try {
      await Promise.all(this.#lineFiles().map((file) => file.close()));
    } finally {
      await this.#lock.release();
    }
  }

  /** Gives the directory free, and removes what there is of a new run, before its training has begun. */
  async discard(): Promise<void> {
    await removeNewRun(this.path);
    await this.close();
    if (this.#isMade) await removeIfEmpty(this.path);
  }

  get #summary(): string {
    return join(this.path, 'summary.json');
  }

  get #samples(): string {
    return join(this.path, SAMPLES);
  }

  #lineFiles(): LineFiles {
    return [this.#metrics, this.#work, this.#events, this.#evaluations];
  }
}

/** What a run directory is of. */
export function runFile(path: string): string {
  return join(path, 'run.json');
}

/** The record of all steps in a run directory. */
export function metricsFile(path: string): string {
  return join(path, 'metrics.jsonl');
}

/** The sample grid of an epoch in a run directory. */
export function sampleFile(path: string, epoch: number): string {
  return join(path, SAMPLES, `epoch-${String(epoch).padStart(4, '0')}.png`);
}

/** A grid of real images in a run directory. */
export function realImagesFile(path: string): string {
  return join(path, SAMPLES, 'real.png');
}

/** NaN for other files. */
function epochOf(fileName: string): number {
  return Number(/^epoch-(\d+)\.png$/.exec(fileName)?.[1]);
}

type LineFiles = [
  JsonLinesFile<MetricsLine>,
  JsonLinesFile<WorkLine>,
  JsonLinesFile<RecordedEvent>,
  JsonLinesFile<EpochEvaluation>,
];

async function openLineFiles(path: string): Promise<LineFiles> {
  const files: LineFiles = [
    await JsonLinesFile.open(metricsFile(path)),
    await JsonLinesFile.open(join(path, 'work.jsonl')),
    await JsonLinesFile.open(join(path, 'events.jsonl')),
    await JsonLinesFile.open(join(path, 'evaluations.jsonl')),
  ];
  await syncDirectory(path);
  return files;
}

/** Removes what a run has whose training has not begun; `run.json` first, without which it is none. */
async function removeNewRun(path: string): Promise<void> {
  const names = [...LINE_FILES, ...MODEL_FILES, 'checkpoints', SAMPLES].map((name) => join(path, name));
  for (const name of [runFile(path), ...names, ...Object.values(tokenFiles(path))])
    await rm(name, { recursive: true, force: true });
}

async function removeIfEmpty(path: string): Promise<void> {
  // Somebody may have put something there.
  await rmdir(path).catch(() => undefined);
}

/** Locks a directory; if `use` fails, it is free again. */
async function locked(path: string, use: (lock: RunLock) => Promise<RunDirectory>): Promise<RunDirectory> {
  const lock = await RunLock.acquire(path);
  try {
    return await use(lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function refusal(message: string): GantryError {
  return new GantryError('E_RUN_DIRECTORY', message);
}

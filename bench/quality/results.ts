import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Evaluation } from '@gantry/cli';
import type { describeMachine } from '@gantry/cli/bench';
import type { PlannedRun, Settings } from './plan.ts';

export type Findings = Evaluation['noise'];

/** How good the pictures of an epoch are. */
interface EpochFindings extends Findings {
  /** From 1. */
  readonly epoch: number;
}

export interface RunRecord {
  readonly name: string;
  readonly settings: Settings;
  readonly machine: ReturnType<typeof describeMachine>;
  /** Of what trained, where it is not Gantry. */
  readonly version?: string | undefined;
  readonly commands: { readonly train: string; readonly evaluate: string };
  /** Of training, without what was drawn and judged after the epochs. */
  readonly seconds: number;
  /** In order. */
  readonly epochs: readonly EpochFindings[];
}

/** What images of the training and noise come to: between them, a generator is. */
export type Bounds = Pick<Evaluation, 'floor' | 'noise'>;

interface Content {
  readonly bounds?: Bounds;
  readonly runs: readonly RunRecord[];
}

/** What is known of the runs; in a file, so that a bench that was cut off goes on. */
export class Results {
  readonly #file: string | undefined;
  #content: Content;

  /** @param file absent: nothing is written */
  constructor(file?: string) {
    this.#file = file;
    const isThere = file !== undefined && existsSync(file);
    this.#content = isThere ? (JSON.parse(readFileSync(file, 'utf8')) as Content) : { runs: [] };
  }

  get runs(): readonly RunRecord[] {
    return this.#content.runs;
  }

  get bounds(): Bounds | undefined {
    return this.#content.bounds;
  }

  /** @throws Error if a run of that name had other settings */
  of({ name, settings }: PlannedRun): RunRecord | undefined {
    const record = this.runs.find((run) => run.name === name);
    const had: Readonly<Record<string, string | number>> = { ...record?.settings };
    // The number of epochs only says how far it goes.
    const other = Object.entries(settings).find(([key, value]) => key !== 'epochs' && had[key] !== value)?.[0];
    if (!record || other === undefined) return record;
    throw new Error(`${name} was done with ${other} ${had[other]}: --fresh forgets it`);
  }

  /** Epochs that were not judged. */
  missing(run: PlannedRun): number[] {
    const known = this.of(run)?.epochs ?? [];
    const all = Array.from({ length: run.settings.epochs }, (_, i) => i + 1);
    return all.filter((epoch) => known.every((findings) => findings.epoch !== epoch));
  }

  /** Takes a run's place, whatever was known of it, but for its epochs. */
  put(record: Omit<RunRecord, 'epochs'>): void {
    const { name } = record;
    const { epochs = [] } = this.runs.find((run) => run.name === name) ?? {};
    this.#replace(name, { ...record, epochs });
  }

  /** Notes what an epoch came to. @throws Error if it was judged by other features than those before */
  add(name: string, epoch: number, findings: Findings, bounds: Bounds): void {
    const before = this.bounds?.noise.features ?? findings.features;
    if (before !== findings.features) {
      throw new Error(`judged by ${findings.features}, and before by ${before}, which do not compare: --judge-anew`);
    }
    const record = this.runs.find((run) => run.name === name);
    if (!record) throw new TypeError(`${name} was not put`);
    const epochs = [...record.epochs, { epoch, ...findings }].toSorted((a, b) => a.epoch - b.epoch);
    this.#content = { ...this.#content, bounds };
    this.#replace(name, { ...record, epochs });
  }

  /** @param names absent: everything */
  forget(names?: readonly string[]): void {
    const runs = names ? this.runs.filter(({ name }) => !names.includes(name)) : [];
    this.#write(runs.length === 0 ? { runs } : { ...this.#content, runs });
  }

  /** Keeps that the runs are trained, and forgets what their pictures came to. */
  forgetFindings(names: readonly string[]): void {
    const runs = this.runs.map((run) => (names.includes(run.name) ? { ...run, epochs: [] } : run));
    const known = runs.some(({ epochs }) => epochs.length > 0);
    this.#write(known ? { ...this.#content, runs } : { runs });
  }

  #replace(name: string, record: RunRecord): void {
    const isThere = this.runs.some((run) => run.name === name);
    const runs = isThere ? this.runs.map((run) => (run.name === name ? record : run)) : [...this.runs, record];
    this.#write({ ...this.#content, runs });
  }

  #write(content: Content): void {
    this.#content = content;
    if (this.#file === undefined) return;
    // Whatever ends this process leaves a whole file.
    const unfinished = `${this.#file}.part`;
    writeFileSync(unfinished, `${JSON.stringify(content, undefined, 2)}\n`);
    renameSync(unfinished, this.#file);
  }
}

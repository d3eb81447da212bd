import type { RunJson } from './run-config.ts';
import type { RunEvent } from './run-lines.ts';

type ClassRecord = Pick<RunJson, 'numericClasses' | 'bitIdentical'>;

/** The numeric classes that a run has had, with the engines and devices that made them, as run.json keeps them. */
export class NumericClasses {
  #record: ClassRecord;
  readonly #keep: (record: ClassRecord) => Promise<void>;
  /** One after another, so that the last one stays. */
  #kept: Promise<void> = Promise.resolve();

  /**
   * @param record what the run had before
   * @param keep writes run.json, and never rejects
   */
  constructor(record: ClassRecord, keep: (record: ClassRecord) => Promise<void>) {
    this.#record = record;
    this.#keep = keep;
  }

  /** Takes down what a worker that joined computes with. @returns an event if it rounds in another way than others before */
  joined({ step, class: numericClass, engine, device }: RunEvent): RunEvent | undefined {
    const { numericClasses: before } = this.#record;
    const kind = { class: String(numericClass), engine: String(engine), device: String(device) };
    const others = [...new Set(before.map((each) => each.class))];
    const isNew = !others.includes(kind.class);
    if (!isNew && before.some((each) => each.engine === kind.engine && each.device === kind.device)) return undefined;
    const classes = isNew ? [...others, kind.class] : others;
    const record = { numericClasses: [...before, kind], bitIdentical: classes.length === 1 };
    this.#record = record;
    this.#kept = this.#kept.then(() => this.#keep(record));
    if (!isNew || others.length === 0) return undefined;
    const cause = 'numeric classes differ: the bits of the result now depend on which worker computes what';
    return { step, type: 'classes-mixed', classes, cause };
  }

  /** Once what was taken down is written. */
  settled(): Promise<void> {
    return this.#kept;
  }
}

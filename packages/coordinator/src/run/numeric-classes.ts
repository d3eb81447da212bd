import type { EventOf } from '@gantry/core';
import type { RunJson } from './run-config.ts';
import type { ClassNames } from '../scheduling/class-names.ts';
import type { AcceptedNode } from '../scheduling/round-result.ts';

type ClassRecord = Pick<RunJson, 'numericClasses' | 'bitIdentical'>;

/** The numeric classes whose work is in a run's weights, with the engines and devices that made them, as run.json keeps them. */
export class NumericClasses {
  #kinds: ClassRecord['numericClasses'];
  readonly #names: ClassNames;
  readonly #keep: (record: ClassRecord) => void;
  /** Of how many classes it was said that they differ: one alone needs no word. */
  #said = 1;

  /**
   * @param record what the run had before
   * @param names of the classes, and what confirms them
   * @param keep has it written to run.json
   */
  constructor({ numericClasses }: ClassRecord, names: ClassNames, keep: (record: ClassRecord) => void) {
    this.#kinds = numericClasses;
    this.#names = names;
    this.#keep = keep;
  }

  /**
   * Takes down what computed a step.
   * @returns an event where there is a class more than before, and in the first step of a process where there were several
   */
  computed(nodes: readonly AcceptedNode[]): EventOf<'classes-mixed'> | undefined {
    const before = this.#kinds.length;
    for (const { numericClass, engine, device } of nodes) {
      const isKnown = this.#kinds.some(
        (kind) => kind.class === numericClass && kind.engine === engine && kind.device === device,
      );
      if (isKnown) continue;
      const probe = this.#names.probeOf(numericClass);
      this.#kinds = [...this.#kinds, { class: numericClass, engine, device, ...(probe !== undefined && { probe }) }];
    }
    const numericClasses = this.#kinds;
    const classes = [...new Set(numericClasses.map((kind) => kind.class))];
    if (numericClasses.length > before) {
      this.#keep({ numericClasses, bitIdentical: classes.length === 1 });
    }
    if (classes.length <= this.#said) return undefined;
    this.#said = classes.length;
    const cause = 'numeric classes differ: the bits of the result now depend on which worker computes what';
    return { type: 'classes-mixed', classes, cause };
  }
}

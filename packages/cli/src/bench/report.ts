import { describeMachine, machineText, type Machine } from './machine.ts';
import { table } from './statistics.ts';

/** Of the figures in JSON: more would be noise. */
const SIGNIFICANT_DIGITS = 5;

/** What every benchmark tells beside its results. */
interface ReportHead {
  readonly benchmark: string;
  readonly machine: Machine;
  /** What was measured, and how. */
  readonly method: string;
}

/** A table for people, below a line of its own where there is more than one. */
export interface Table {
  readonly title?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * What a benchmark reports. Made before it starts: the machine is described as it was then.
 * @param method what is measured, and how, in a sentence or two
 */
export class Report {
  readonly #head: ReportHead;

  constructor(benchmark: string, method: string) {
    this.#head = { benchmark, machine: describeMachine(), method };
  }

  /** Prints to standard output: as one JSON object with further members, or as tables and closing lines. */
  print(
    json: boolean | undefined,
    members: Readonly<Record<string, unknown>>,
    tables: readonly Table[],
    lines: readonly string[] = [],
  ): void {
    process.stdout.write(json ? this.#json(members) : this.#text(tables, lines));
  }

  #json(members: Readonly<Record<string, unknown>>): string {
    return `${JSON.stringify({ ...this.#head, ...members }, (_, value: unknown) => rounded(value))}\n`;
  }

  #text(tables: readonly Table[], lines: readonly string[]): string {
    const { machine, method } = this.#head;
    const blocks = tables.map(({ title, head, rows }) => [...(title ? [title, ''] : []), table(head, rows)].join('\n'));
    return `${[machineText(machine), method, ...blocks, ...(lines.length > 0 ? [lines.join('\n')] : [])].join('\n\n')}\n`;
  }
}

function rounded(value: unknown): unknown {
  const isFraction = typeof value === 'number' && !Number.isInteger(value);
  return isFraction ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value;
}

/** Says on standard error how far a benchmark is. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Of those that workers made up, none is worth more. */
const NAMES_REMEMBERED = 256;
const SUFFIX_DIGITS = 8;

/** A numeric class as a worker tells it. */
export interface ClaimedClass {
  /** What defines it: `native-1`, `onnx-cpu`… */
  readonly numericClass: string;
  /** A hash of the worker's gradients of the probe shard. */
  readonly probe: string;
}

/**
 * The numeric classes of a run. What defines a class is its name, and a probe confirms it: workers of one name whose probes
 * differ are of different classes, and the name is that of the first.
 */
export class ClassNames {
  /** By name. */
  readonly #probes = new Map<string, string>();

  /** @param known classes whose work is in the run already */
  constructor(known: readonly { readonly class: string; readonly probe?: string }[] = []) {
    for (const { class: name, probe } of known) if (probe !== undefined) this.#probes.set(name, probe);
  }

  /** The probe of the class that has a name. */
  probeOf(name: string): string | undefined {
    return this.#probes.get(name);
  }

  /**
   * What the class of a worker that takes part is called in this run: by its name, or where its probe differs,
   * `native-1~1a2b3c4d`.
   */
  nameOf({ numericClass, probe }: ClaimedClass): string {
    const other = `${numericClass}~${probe.slice(0, SUFFIX_DIGITS)}`;
    for (const name of [other, numericClass]) if (this.#probes.get(name) === probe) return name;
    const name = this.#probes.has(numericClass) ? other : numericClass;
    if (this.#probes.size >= NAMES_REMEMBERED) return other;
    this.#probes.set(name, probe);
    return name;
  }
}

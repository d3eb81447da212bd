import type { ConvolutionForm } from '@gantry/compiler';
import { convolutionsOn } from './programs.ts';
import type { RunJson } from './run-config.ts';

/** Kinds of GPUs; whatever else a worker calls its device is not measured. */
const KINDS: readonly string[] = ['webgpu', 'cuda'];
/** What is measured on a GPU, in this order. */
const MEASURED: readonly ConvolutionForm[] = ['direct', 'fastest'];
/** A worker that has measured one form comes back at once for the next. */
const RETURN_WITHIN_MS = 10_000;

type Forms = NonNullable<RunJson['convolutions']>;

/** One worker at a time measures a kind of device. */
interface Measurement {
  readonly worker: string;
  readonly msOf: Map<ConvolutionForm, number>;
  /** Others wait until then, on the clock of `now`. */
  heldUntil: number;
}

/**
 * In which form a run's workers compute convolutions, once for each kind of GPU. The forms round differently: so the
 * first worker of a kind measures them before it has computed anything, what comes out is written down, and no time
 * changes it any more.
 */
export class ConvolutionChoice {
  readonly #given: ConvolutionForm | undefined;
  readonly #keep: (record: { readonly convolutions: Forms }) => void;
  readonly #now: () => number;
  readonly #measurements = new Map<string, Measurement>();
  /** By kind of device. */
  #chosen: Forms;

  /**
   * @param record what the run had before
   * @param keep has it written to run.json
   */
  constructor(
    record: Pick<RunJson, 'convolutions' | 'numericClasses'> & {
      readonly config: Pick<RunJson['config'], 'convolutions'>;
    },
    keep: (record: { readonly convolutions: Forms }) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#given = record.config.convolutions;
    this.#keep = keep;
    this.#now = now;
    // Earlier versions measured nothing.
    const before = record.numericClasses.map(({ device }) => kindOf(device)).filter((kind) => KINDS.includes(kind));
    this.#chosen = {
      ...Object.fromEntries(before.map((kind) => [kind, convolutionsOn(kind)])),
      ...record.convolutions,
    };
  }

  /** The form on a device, for who cannot wait until one is measured: it is chosen by that. */
  settledOn(device: string): ConvolutionForm {
    return this.#settled(device) ?? this.#choose(device, convolutionsOn(device));
  }

  /**
   * The form that a worker shall come with, which it may have to measure.
   * @param worker its identity
   * @returns undefined while another worker measures that kind of device: it shall come again later
   */
  offer(device: string, worker: string): ConvolutionForm | undefined {
    const settled = this.#settled(device);
    if (settled) return settled;
    const kind = kindOf(device);
    let measurement = this.#measurements.get(kind);
    if (measurement?.worker !== worker) {
      if (measurement && this.#now() < measurement.heldUntil) return undefined;
      measurement = { worker, msOf: new Map(), heldUntil: Infinity };
      this.#measurements.set(kind, measurement);
    }
    measurement.heldUntil = Infinity;
    const { msOf } = measurement;
    return MEASURED.find((form) => !msOf.has(form));
  }

  /**
   * A worker is ready with the form that it was offered.
   * @param ms how long a shard takes it; undefined: its device is none to measure, such as a GPU made of software
   * @returns whether it can take work; else it shall come again, for another form
   */
  ready(device: string, worker: string, form: ConvolutionForm, ms: number | undefined): boolean {
    const settled = this.#settled(device);
    if (settled) return settled === form;
    if (ms === undefined) return this.#choose(device, form) === form;
    const measurement = this.#measurements.get(kindOf(device));
    if (measurement?.worker !== worker) return false;
    measurement.msOf.set(form, ms);
    measurement.heldUntil = this.#now() + RETURN_WITHIN_MS;
    if (measurement.msOf.size < MEASURED.length) return false;
    const [[fastest]] = [...measurement.msOf].toSorted(([, a], [, b]) => a - b) as [[ConvolutionForm, number]];
    return this.#choose(device, fastest) === form;
  }

  /** A worker is gone before it was ready. */
  left(device: string, worker: string): void {
    const kind = kindOf(device);
    if (this.#measurements.get(kind)?.worker === worker) this.#measurements.delete(kind);
  }

  #settled(device: string): ConvolutionForm | undefined {
    const kind = kindOf(device);
    return KINDS.includes(kind) ? (this.#given ?? this.#chosen[kind]) : convolutionsOn(device);
  }

  #choose(device: string, form: ConvolutionForm): ConvolutionForm {
    const kind = kindOf(device);
    this.#measurements.delete(kind);
    this.#chosen = { ...this.#chosen, [kind]: form };
    this.#keep({ convolutions: this.#chosen });
    return form;
  }
}

/** `cuda` of `cuda:1`. */
function kindOf(device: string): string {
  return device.split(':')[0] ?? device;
}

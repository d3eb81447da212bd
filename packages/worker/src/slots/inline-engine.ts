import {
  RoundShapes,
  allocatePayload,
  computeReplica,
  contributionLayout,
  dataInput,
  encodeVector,
  encodedBytes,
  flipped,
  floatsOf,
  phaseAt,
  sampleBytes,
  samplesIn,
  type Batch,
  type GradientEngine,
  type LoadedUnit,
  type Program,
} from '@gantry/core';
import type { EngineHost } from './engine-host.ts';
import { PreparedInputs } from './prepared-inputs.ts';

/** A program, and what is made for it. */
interface Loaded {
  readonly program: Program;
  readonly shapes: RoundShapes;
  readonly inputs: PreparedInputs;
}

/** An engine in the thread of its caller, where that has nothing else to do; it lives as long as its caller. */
export class InlineEngine implements EngineHost {
  readonly dead = false;
  readonly #engine: GradientEngine;
  #loaded: Loaded | undefined;
  #published: Float32Array = new Float32Array();
  /** What the engine was given last. */
  #weights: Float32Array | undefined;
  /** For the gradients of local steps, and for contributions that are rounded; by their lengths. */
  readonly #scratch = new Map<number, Float32Array<ArrayBuffer>>();
  /** One call after another, in order: an engine is not reentrant. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(engine: GradientEngine) {
    this.#engine = engine;
  }

  load(program: Program): Promise<void> {
    return this.#next(() => {
      const { manifest, training } = program;
      this.#loaded = { program, shapes: new RoundShapes(manifest, training), inputs: new PreparedInputs(program) };
      this.#scratch.clear();
      return this.#engine.load(program);
    });
  }

  setWeights(flat: Float32Array): Promise<void> {
    return this.#next(() => {
      this.#published = flat;
      this.#weights = undefined;
    });
  }

  prepare(unit: LoadedUnit): Promise<void> {
    return this.#next(() => {
      const [first] = unit.batches;
      if (first && this.#loaded) this.#loaded.inputs.prepare(first, dataOf(unit, 0, this.#loaded));
    });
  }

  gradients(unit: LoadedUnit, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    return this.#next(() => this.#ofOneBatch(unit, recycled));
  }

  answer(
    unit: LoadedUnit,
    recycled?: Uint8Array<ArrayBuffer>,
    progressed?: (batches: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#next(async () => {
      const { program, shapes } = this.#loadedOrThrow();
      const { wire } = program.training;
      const { length, compact } = shapes.contribution(unit.round);
      const own = wire === 'float32' ? recycled && floatsIn(recycled) : this.#memory(length);
      const contribution = shapes.isLocal(unit.round)
        ? await this.#ofReplica(unit, own, progressed)
        : await this.#ofOneBatch(unit, own);
      if (wire === 'float32') return bytesOf(contribution);
      const { seed } = program;
      const bytes = recycled ?? allocatePayload(encodedBytes(wire, length, compact));
      return encodeVector(wire, contribution, compact, { seed, round: unit.round, replica: unit.index }, bytes);
    });
  }

  dispose(): Promise<void> {
    return this.#next(() => this.#engine.dispose());
  }

  async #ofOneBatch(unit: LoadedUnit, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const loaded = this.#loadedOrThrow();
    const [batch] = unit.batches;
    if (!batch) throw new RangeError('a unit without a batch');
    if (this.#weights !== this.#published) {
      this.#weights = this.#published;
      await this.#engine.setWeights(this.#published);
    }
    return this.#gradients(loaded, batch, dataOf(unit, 0, loaded), into);
  }

  async #ofReplica(
    unit: LoadedUnit,
    into: Float32Array<ArrayBuffer> | undefined,
    progressed: ((batches: number) => void) | undefined,
  ): Promise<Float32Array<ArrayBuffer>> {
    const loaded = this.#loadedOrThrow();
    const { manifest, training } = loaded.program;
    return computeReplica(unit, {
      manifest,
      ...training,
      published: this.#published,
      gradients: async (batch, at, weights) => {
        this.#weights = weights;
        await this.#engine.setWeights(weights);
        const { length } = contributionLayout(manifest, phaseAt(manifest, batch.iteration));
        return this.#gradients(loaded, batch, dataOf(unit, at, loaded), this.#memory(length));
      },
      progressed,
      into,
    });
  }

  async #gradients(
    { inputs }: Loaded,
    batch: Batch,
    data: Uint8Array,
    into: Float32Array<ArrayBuffer> | undefined,
  ): Promise<Float32Array<ArrayBuffer>> {
    const taken = inputs.take(batch, data);
    const contribution = await this.#engine.gradients(taken, into);
    inputs.recycle(taken);
    return contribution;
  }

  #memory(length: number): Float32Array<ArrayBuffer> {
    const memory = this.#scratch.get(length) ?? new Float32Array(length);
    this.#scratch.set(length, memory);
    return memory;
  }

  #loadedOrThrow(): Loaded {
    if (!this.#loaded) throw new Error('no program is loaded');
    return this.#loaded;
  }

  #next<T>(call: () => T | Promise<T>): Promise<T> {
    const result = this.#previous.then(call);
    this.#previous = result.catch(() => undefined);
    return result;
  }
}

/** The data of one of a unit's batches, as it is learnt from. */
function dataOf({ batches, data }: LoadedUnit, at: number, { program }: Loaded): Uint8Array {
  const { manifest, seed, training } = program;
  const size = sampleBytes(manifest);
  const begin = samplesIn({ batches: batches.slice(0, at) }) * size;
  const batch = batches[at];
  if (!batch) throw new RangeError('a unit without a batch');
  const own = data.subarray(begin, begin + batch.samples * size);
  if (!training.flip) return own;
  const [height = 1, width = 1, channels = 1] = dataInput(phaseAt(manifest, batch.iteration)).shape;
  return flipped(batch, own, seed, [height, width, channels]);
}

function floatsIn(payload: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return floatsOf(payload) as Float32Array<ArrayBuffer>;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

import {
  GantryError,
  decodeVector,
  encodedBytes,
  floatsOf,
  roundsPerStep,
  type MessageOf,
  type RoundShapes,
  type Samples,
} from '@gantry/core';
import type { ReceivedSum } from '../scheduling/worker-link.ts';

/** What travels between the coordinator and its workers: lengths, and how it is read. */
export class RoundPayloads {
  readonly shapes: RoundShapes;
  readonly samples: Samples;
  /** What is decoded, by its length: nobody keeps it. */
  readonly #decoded = new Map<number, Float32Array>();

  constructor(shapes: RoundShapes, samples: Samples) {
    this.shapes = shapes;
    this.samples = samples;
  }

  /** Bytes of the longest result of the run. */
  get longestResultBytes(): number {
    const { manifest, spec } = this.shapes;
    // The rounds of one step have all phases; rounds of local steps are alike.
    const rounds = [...Array(roundsPerStep(manifest)).keys(), spec.localFrom];
    return Math.max(...rounds.map(this.resultBytes));
  }

  /** Bytes of a round's result. */
  readonly resultBytes = (round: number): number => {
    const { length, compact } = this.shapes.contribution(round);
    return encodedBytes(this.shapes.spec.wire, length, compact);
  };

  /**
   * The contribution that a result carries; valid until the next one.
   * @throws GantryError E_PROTOCOL for a sum where the wire rounds: units come one by one then
   */
  contributionIn({ round, level }: MessageOf<'result'>, payload: Uint8Array): ReceivedSum {
    const { wire } = this.shapes.spec;
    if (wire === 'float32') return { sum: floatsOf(payload) };
    if (level > 0) throw new GantryError('E_PROTOCOL', 'a sum of units whose contributions are rounded');
    const { length, compact } = this.shapes.contribution(round);
    const decoded = () => {
      const into = this.#decoded.get(length) ?? new Float32Array(length);
      this.#decoded.set(length, into);
      return decodeVector(wire, payload, length, compact, into);
    };
    // Frames have their payloads at a multiple of 8, and messages of several frames memory of their own.
    if (wire !== 'int8' || payload.byteOffset % Float32Array.BYTES_PER_ELEMENT > 0) return { sum: decoded() };
    let sum: Float32Array | undefined;
    return {
      encoded: { bytes: payload, length, compact },
      get sum() {
        return (sum ??= decoded());
      },
    };
  }
}

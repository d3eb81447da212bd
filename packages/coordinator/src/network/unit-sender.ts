import {
  KeptImages,
  batchRuns,
  encodeFrames,
  imagesIn,
  loadUnit,
  roundsPerStep,
  sampleAt,
  type MessageOf,
  type PlannedUnit,
} from '@gantry/core';
import type { WebSocket } from 'ws';
import type { RoundPayloads } from './round-payloads.ts';

/** Sends one worker its units, and each image once as long as the worker has room for it. */
export class UnitSender {
  readonly #socket: WebSocket;
  readonly #payloads: RoundPayloads;
  readonly #kept: KeptImages | undefined;
  #imageBytes = 0;

  /** @param cacheBytes that the worker has for images; absent: it keeps none */
  constructor(socket: WebSocket, payloads: RoundPayloads, cacheBytes: number | undefined) {
    this.#socket = socket;
    this.#payloads = payloads;
    const { count, bytes } = payloads.samples;
    this.#kept = cacheBytes === undefined ? undefined : new KeptImages(imagesIn(cacheBytes, bytes.length / count));
  }

  /** Bytes of images that were sent. */
  get imageBytes(): number {
    return this.#imageBytes;
  }

  /** @param isAlone whether the answer is to be of this unit alone */
  send(unit: PlannedUnit, isAlone: boolean): void {
    const { manifest } = this.#payloads.shapes;
    const { round, index, batches } = unit;
    const missing = this.#kept?.missing(unit.samples);
    const message: MessageOf<'assign'> = {
      type: 'assign',
      round,
      index,
      batches: batchRuns(batches, roundsPerStep(manifest)),
      ...(isAlone && { alone: true }),
      ...(missing && { sent: missing.length }),
    };
    for (const frame of encodeFrames(message, this.#payloadOf(unit, missing))) this.#socket.send(frame);
  }

  #payloadOf(unit: PlannedUnit, missing: readonly number[] | undefined): Uint8Array {
    const { samples } = this.#payloads;
    const size = samples.bytes.length / samples.count;
    this.#imageBytes += (missing ?? unit.samples).length * size;
    if (!missing) return loadUnit(unit, samples).data;
    const numbers = Uint32Array.from(unit.samples);
    const payload = new Uint8Array(numbers.byteLength + missing.length * size);
    payload.set(new Uint8Array(numbers.buffer));
    missing.forEach((number, i) => payload.set(sampleAt(samples, number), numbers.byteLength + i * size));
    return payload;
  }
}

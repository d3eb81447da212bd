import {
  GantryError,
  batchesOf,
  checksum,
  encodeFrame,
  encodedBytes,
  floatsOf,
  framesAround,
  roundsPerStep,
  samplesIn,
  updated,
  type LoadedUnit,
  type MessageOf,
  type RoundShapes,
  type Unit,
} from '@gantry/core';
import type { EngineSlot } from '../slots/engine-slot.ts';
import type { EnginePool } from '../slots/engine-pool.ts';
import type { ImageStore } from './image-store.ts';
import { SubtreeSums, type NodeSum } from './subtree-sums.ts';
import type { ShardTally } from './shard-tally.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkerObserver } from './worker-options.ts';

/**
 * On a slow network the threads rest rather than pile up results: eight of 10 MB, fewer of larger models. One more than that
 * which is on its way is always allowed.
 */
const MAX_UNSENT_BYTES = 80_000_000;
const ALLOWED_UNSENT_RESULTS = 2;

/** No more often does a unit of local steps say how far it is. */
const PROGRESS_MS = 200;

export interface ShardRunnerOptions {
  readonly shapes: RoundShapes;
  /** Absent: each unit comes with all of its images. */
  readonly images: ImageStore | undefined;
  readonly pool: EnginePool;
  readonly tally: ShardTally;
  readonly observer: WorkerObserver;
  /** Sends a frame; `sent` is called when it has left or the connection is lost, and its memory is free again. */
  readonly send: (frame: Uint8Array, sent?: () => void) => void;
  /** The engine cannot go on, or there is a bug. */
  readonly failed: (error: unknown) => void;
}

/** How long a shard took, and how long its thread had waited for it. */
interface Times {
  readonly computeMs: number;
  readonly waitMs: number;
}

/** A unit as it was assigned. */
export interface Assigned extends LoadedUnit {
  /** Whether its contribution is to come in no sum. */
  readonly alone: boolean;
}

/** An answer on its way: of a unit, or of a node of the tree. */
interface Answer {
  readonly level: number;
  readonly index: number;
  readonly samples: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A shard that a thread computes. */
interface Job {
  readonly work: Assigned;
  cancelled: boolean;
}

/** Computes the shards that one connection brings; answers are `computed`, `result` and `failure` messages. */
export class ShardRunner {
  readonly #options: ShardRunnerOptions;
  readonly #queue = new WorkQueue<EngineSlot, Assigned>();
  readonly #jobs = new Set<Job>();
  readonly #startedAt = performance.now();
  #weights: { readonly round: number; readonly values: Float32Array<SharedArrayBuffer> } | undefined;
  /** Memory of the weights before: when the next ones come, no answer still counts that is computed from them. */
  #recycledWeights: SharedArrayBuffer | undefined;
  /** Answers that have been sent: fresh memory for each would cost more than the computing of some layers. */
  readonly #recycled: Uint8Array<ArrayBuffer>[] = [];
  /** The same for what `framesAround` copies of them. */
  readonly #recycledCopies: Uint8Array<ArrayBuffer>[][] = [];
  /** Of the round of the weights. */
  readonly #sums = new SubtreeSums();
  readonly #unsent = { results: 0, bytes: 0 };
  #stopped = false;

  constructor(options: ShardRunnerOptions) {
    this.#options = options;
    options.pool.onFree = () => this.#startShards();
    options.tally.pause();
  }

  /** @throws GantryError E_STALE_STEP for weights older than those that are here */
  setWeights({ round }: MessageOf<'weights'>, payload: Uint8Array): void {
    const current = this.#weights?.round ?? -1;
    if (round < current) throw new GantryError('E_STALE_STEP', `weights of round ${round} came after ${current}`);
    const values = this.#memoryFor(payload.length / Float32Array.BYTES_PER_ELEMENT);
    new Uint8Array(values.buffer).set(payload);
    this.#begin(round, values);
  }

  /** @throws GantryError E_STALE_STEP without the weights of the round before; E_CHECKSUM if other weights come out than the coordinator's */
  update({ round, checksum: expected }: MessageOf<'update'>, payload: Uint8Array): void {
    const { shapes } = this.#options;
    const before = this.#weights;
    const shape = shapes.published(round);
    if (before?.round !== round - 1 || before.values.length !== shape.length) {
      throw new GantryError('E_STALE_STEP', `an update to round ${round} came after ${before?.round ?? 'nothing'}`);
    }
    const values = this.#memoryFor(shape.length);
    updated(before.values, payload, shape, shapes.spec.wire, values);
    const found = checksum(new Uint8Array(values.buffer)).toString(16).padStart(16, '0');
    if (found !== expected) {
      throw new GantryError('E_CHECKSUM', `what round ${round} is computed from came out as ${found}, not ${expected}`);
    }
    this.#begin(round, values);
  }

  /** In shared memory the threads read them without a copy each. Two blocks in turn: the last one may be in use. */
  #memoryFor(length: number): Float32Array<SharedArrayBuffer> {
    const bytes = length * Float32Array.BYTES_PER_ELEMENT;
    const fits = this.#recycledWeights?.byteLength === bytes;
    return new Float32Array((fits && this.#recycledWeights) || new SharedArrayBuffer(bytes));
  }

  #begin(round: number, values: Float32Array<SharedArrayBuffer>): void {
    const current = this.#weights?.round ?? -1;
    this.#recycledWeights = this.#weights?.values.buffer;
    this.#weights = { round, values };
    this.#queue.dropBefore(round);
    if (round > current) this.#recycled.push(...this.#sums.takeAll().map(({ sum }) => bytesOf(sum)));
    this.#startShards();
  }

  /** @throws GantryError E_BAD_SHAPE if the images that came are not those that this worker lacks */
  assign({ round, index, batches: runs, alone, sent }: MessageOf<'assign'>, payload: Uint8Array): void {
    const { shapes, images } = this.#options;
    const current = this.#weights?.round ?? -1;
    const batches = batchesOf(runs, roundsPerStep(shapes.manifest));
    if ((sent !== undefined) !== (images !== undefined)) {
      throw new GantryError('E_PROTOCOL', `a unit came ${images ? 'without' : 'with'} the numbers of its images`);
    }
    const data = images ? images.load(payload, samplesIn({ batches })) : payload;
    const work: Assigned = { round, index, batches, data, alone: alone ?? false };
    try {
      if (round < current) throw new GantryError('E_STALE_STEP', `the weights here are of round ${current} already`);
      this.#queue.add(work);
    } catch (error) {
      return this.#reportFailure(work, error);
    }
    if (round === current) this.#startShards();
    else this.#queue.slotForLast(this.#options.pool.slots)?.prepare(work);
  }

  /**
   * Drops a shard that waits; one that is being computed is finished, and its result not sent. Where it is part of a sum, that
   * is sent all the same, and the coordinator has the other shards of it computed again.
   */
  cancel({ round, index }: MessageOf<'cancel'>): void {
    this.#queue.cancel(round, index);
    for (const job of this.#jobs) job.cancelled ||= job.work.round === round && job.work.index === index;
    const kept = round === this.#weights?.round ? this.#sums.takeLeaf(index) : undefined;
    if (kept) this.#recycled.push(bytesOf(kept.sum));
    this.#sendReady();
  }

  /** Drops everything; nothing is sent any more. */
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    for (const job of this.#jobs) job.cancelled = true;
    this.#options.pool.onFree = () => undefined;
  }

  /** Gives work to every thread that has none. */
  #startShards(): void {
    if (this.#stopped || !this.#weights) return;
    const { results, bytes } = this.#unsent;
    if (results >= ALLOWED_UNSENT_RESULTS && bytes >= MAX_UNSENT_BYTES) return;
    for (const slot of this.#options.pool.slots) {
      if (slot.busy) continue;
      const work = this.#queue.takeFor(slot, this.#weights.round);
      if (work) void this.#compute(slot, work, this.#weights.values).catch((error) => this.#options.failed(error));
    }
  }

  async #compute(slot: EngineSlot, work: Assigned, weights: Float32Array): Promise<void> {
    const job: Job = { work, cancelled: false };
    const started = performance.now();
    const waitMs = started - Math.max(slot.idleSince, this.#startedAt);
    this.#jobs.add(job);
    try {
      // When it comes back, the slot has begun its next shard already.
      const payload = await slot.compute(work, weights, this.#takeRecycled(work), this.#progressOf(job));
      this.#jobs.delete(job);
      if (job.cancelled) this.#recycled.push(payload);
      else this.#keep(work, payload, { computeMs: slot.idleSince - started, waitMs });
    } catch (error) {
      this.#jobs.delete(job);
      if (!job.cancelled) this.#reportFailure(work, error);
      if (slot.dead) throw error;
    }
    this.#sendReady();
  }

  /** Memory of an answer that is as long as this unit's: rounds may differ. */
  #takeRecycled({ round }: Unit): Uint8Array<ArrayBuffer> | undefined {
    const { shapes } = this.#options;
    const { length, compact } = shapes.contribution(round);
    const bytes = encodedBytes(shapes.spec.wire, length, compact);
    const at = this.#recycled.findLastIndex((each) => each.length === bytes);
    return at < 0 ? undefined : this.#recycled.splice(at, 1)[0];
  }

  /** Says from time to time how far a unit of several batches is, and always when all are computed: the answer may be long on its way. */
  #progressOf(job: Job): ((batches: number) => void) | undefined {
    const { round, index, batches } = job.work;
    if (batches.length === 1) return undefined;
    let saidMs = -Infinity;
    return (done) => {
      const now = performance.now();
      const isSoon = done < batches.length && now - saidMs < PROGRESS_MS;
      if (job.cancelled || this.#stopped || isSoon) return;
      saidMs = now;
      this.#options.send(encodeFrame({ type: 'progress', round, index, batches: done }));
    };
  }

  /** Whether a shard of the round of the weights is still to be computed here, and can be part of a sum. */
  readonly #isPending = (index: number): boolean => {
    const round = this.#weights?.round;
    const isIt = (work: Assigned) => work.round === round && work.index === index && !work.alone;
    return this.#queue.some(isIt) || [...this.#jobs].some(({ work, cancelled }) => !cancelled && isIt(work));
  };

  /** Sends what a shard completes, or says that it is computed and kept. */
  #keep(unit: Assigned, payload: Uint8Array<ArrayBuffer>, times: Times): void {
    const { shapes, tally, observer, send } = this.#options;
    const { round, index } = unit;
    const samples = samplesIn(unit);
    // What was rounded cannot be summed up on the way: the sum would have to be rounded again.
    const isAlone = unit.alone || shapes.spec.wire !== 'float32';
    if (isAlone || round !== this.#weights?.round)
      this.#sendResult(round, { level: 0, index, payload, samples }, times);
    else {
      const sum = floatsOf(payload) as Float32Array<ArrayBuffer>;
      this.#recycled.push(...this.#sums.add({ level: 0, index, sum, samples }).map(bytesOf));
      const ready = this.#sums.takeReady(this.#isPending);
      const isKept = !ready.some(({ level, index: of }) => index >> level === of);
      if (isKept) send(encodeFrame({ type: 'computed', round, index, ...times }));
      for (const node of ready) this.#sendResult(round, answerOf(node), times);
    }
    const step = unit.batches[0]?.step ?? 0;
    observer.shardDone({ step, index, samples, ...times, ...tally.add(samples, times.computeMs) });
  }

  /** Sends what no longer has anything to wait for. */
  #sendReady(): void {
    if (this.#stopped || !this.#weights) return;
    const { round } = this.#weights;
    for (const node of this.#sums.takeReady(this.#isPending)) {
      this.#sendResult(round, answerOf(node), { computeMs: 0, waitMs: 0 });
    }
  }

  #sendResult(round: number, { level, index, payload, samples }: Answer, times: Times): void {
    this.#countUnsent(1, payload.length);
    const copies = this.#recycledCopies.pop() ?? [];
    const frames = framesAround({ type: 'result', round, level, index, samples, ...times }, payload, copies);
    let unsent = frames.length;
    const sent = () => {
      if (--unsent > 0) return;
      this.#countUnsent(-1, -payload.length);
      this.#recycled.push(payload);
      this.#recycledCopies.push(copies);
      this.#startShards();
    };
    for (const frame of frames) this.#options.send(frame, sent);
  }

  #countUnsent(results: number, bytes: number): void {
    this.#unsent.results += results;
    this.#unsent.bytes += bytes;
  }

  /** Says that a shard could not be computed; anything but a GantryError is a bug and thrown on. */
  #reportFailure({ round, index }: Unit, error: unknown): void {
    if (!(error instanceof GantryError)) throw error;
    const { code, message } = error;
    this.#options.observer.notice(`round ${round}, shard ${index}: ${message} [${code}]`);
    this.#options.send(encodeFrame({ type: 'failure', code, message, round, index }));
  }
}

function answerOf({ level, index, samples, sum }: NodeSum): Answer {
  return { level, index, samples, payload: bytesOf(sum) };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

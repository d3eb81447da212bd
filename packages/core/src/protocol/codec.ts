import type { z } from 'zod';
import { GantryError } from '../errors.ts';
import { MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, layFrame, layFrameAround, readFrame, versionError } from './frame.ts';
import { sampleBytes } from '../model/batch-inputs.ts';
import { roundsPerStep } from '../model/manifest.ts';
import { RoundShapes } from '../schemes/round-shapes.ts';
import { encodedBytes } from '../wire/wire.ts';
import { samplesInRuns } from './batch-runs.ts';
import { manifestFromWire } from './manifest.ts';
import {
  coordinatorMessageSchema,
  messageSchema,
  workerMessageSchema,
  type CoordinatorMessage,
  type Message,
  type MessageOf,
  type WorkerMessage,
} from './messages.ts';
import { plainText } from './text.ts';

/** A decoded frame. */
export interface Received<M extends Message> {
  readonly message: M;
  /** Shares the memory of the frame; `floatsOf` reads it as float32. Empty for messages without payload. */
  readonly payload: Uint8Array;
  /** Length of the message's whole payload, of which this frame may hold a part: an `Assembly` joins them. */
  readonly totalBytes: number;
}

/**
 * The frame for `message` around a payload from `allocatePayload`, in its memory; it is overwritten by the next.
 * @throws GantryError E_PROTOCOL for fields that the receiver would refuse, E_BAD_SHAPE, E_TOO_LARGE
 */
export function frameAround(message: Message, payload: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return layFrameAround(checked(message, payload.length), payload);
}

/** The frame for `message` with a copy of `payload`. Made once, it can be sent to everyone. @throws as `frameAround` */
export function encodeFrame(message: Message, payload?: Uint8Array | Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = payload && new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  return layFrame(checked(message, bytes?.length ?? 0), bytes);
}

function checked(message: Message, payloadBytes: number): Message {
  // Parsing also puts the keys in the order of the schema: equal messages give equal bytes.
  const valid = validate(messageSchema, message);
  requireBytes(valid, fixedBytes(valid) ?? payloadBytes, payloadBytes);
  return valid;
}

/**
 * Decodes what a worker sent.
 * @param resultBytes of a contribution in a round; absent before the hello, when none may come
 * @param chunkBytes where payloads are cut; tests choose it
 * @throws GantryError E_PROTOCOL, E_VERSION, E_CHECKSUM, E_TOO_LARGE, or E_BAD_SHAPE for a payload of the wrong length; never another
 */
export function decodeFromWorker(
  frame: Uint8Array,
  resultBytes: ((round: number) => number) | undefined,
  chunkBytes = MAX_PAYLOAD_BYTES,
): Received<WorkerMessage> {
  const { header, payload } = readFrame(frame, resultBytes !== undefined);
  const message = validate(workerMessageSchema, header);
  const bytes = message.type === 'result' ? (resultBytes?.(message.round) ?? 0) : 0;
  return received(message, payload, bytes, chunkBytes);
}

/**
 * Decodes what the coordinator sent.
 * @param welcome the welcome received before, which fixes the lengths of weights, data and programs; without one they are
 *   refused
 * @param chunkBytes where payloads are cut; tests choose it
 * @throws GantryError E_PROTOCOL, E_VERSION, E_CHECKSUM, E_TOO_LARGE, E_MANIFEST, or E_BAD_SHAPE for a payload of the wrong length;
 *   never another
 */
export function decodeFromCoordinator(
  frame: Uint8Array,
  welcome: MessageOf<'welcome'> | undefined,
  chunkBytes = MAX_PAYLOAD_BYTES,
): Received<CoordinatorMessage> {
  const { header, payload } = readFrame(frame, welcome !== undefined);
  const message = validate(coordinatorMessageSchema, header);
  return received(message, payload, fixedBytes(message) ?? promisedBytes(message, welcome), chunkBytes);
}

/** Where in its message's payload that of a frame begins, in bytes. */
export function offsetOf(message: Message): number {
  return 'offset' in message ? (message.offset ?? 0) : 0;
}

/** A frame holds all of its message's payload, or what lies between two cuts. */
function received<M extends Message>(
  message: M,
  payload: Uint8Array,
  totalBytes: number,
  chunkBytes: number,
): Received<M> {
  const offset = offsetOf(message);
  if (offset > 0 && (offset % chunkBytes !== 0 || offset >= totalBytes)) {
    throw new GantryError('E_BAD_SHAPE', `a payload of ${totalBytes} bytes is not cut at byte ${offset}`);
  }
  requireBytes(message, Math.min(chunkBytes, totalBytes - offset), payload.length);
  return { message, payload, totalBytes };
}

/**
 * A payload as float32 numbers: a view of its memory, or a copy where it does not lie at a multiple of 4. Little-endian
 * machines only, as every machine that runs an engine is.
 * @throws GantryError E_BAD_SHAPE if the length is no multiple of 4
 */
export function floatsOf(payload: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = payload;
  if (byteLength % 4 !== 0) throw new GantryError('E_BAD_SHAPE', `${byteLength} bytes are no float32 numbers`);
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Float32Array(new Uint8Array(payload).buffer);
}

function validate<T extends Message>(schema: z.ZodType<T>, header: unknown): T {
  const parsed = schema.safeParse(header);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'its fields';
    // The peer's own keys may be part of it.
    throw new GantryError('E_PROTOCOL', plainText(`invalid message, ${where}: ${issue?.message ?? ''}`).slice(0, 300));
  }
  const message = parsed.data;
  if ('protocol' in message && message.protocol !== PROTOCOL_VERSION) throw versionError(message.protocol);
  return message;
}

/** Length of a message's payload; undefined where the message alone does not fix it. */
function fixedBytes(message: Message): number | undefined {
  switch (message.type) {
    case 'assign':
    case 'result':
    case 'weights':
    case 'update':
    case 'program':
      return undefined;
    case 'hello':
    case 'ready':
    case 'computed':
    case 'progress':
    case 'failure':
    case 'leaving':
    case 'welcome':
    case 'cancel':
    case 'bye':
    case 'error':
      return 0;
  }
}

/** What a welcome says of the lengths of payloads; it is asked with each frame. */
const shapesByWelcome = new WeakMap<MessageOf<'welcome'>, RoundShapes>();

/** What travels in the rounds of a run. @throws GantryError E_MANIFEST */
export function shapesOf(welcome: MessageOf<'welcome'>): RoundShapes {
  const known = shapesByWelcome.get(welcome);
  if (known) return known;
  const { training } = welcome;
  const manifest = manifestFromWire(welcome.manifest);
  const lacking = manifest.networks.find(({ name }) => !Object.hasOwn(training.optimizers, name));
  if (training.localSteps > 1 && lacking) {
    throw new GantryError('E_MANIFEST', `local steps without an optimizer for ${lacking.name}`);
  }
  const shapes = new RoundShapes(manifest, training);
  shapesByWelcome.set(welcome, shapes);
  return shapes;
}

/** Length of a payload that the welcome has announced. */
function promisedBytes(message: CoordinatorMessage, welcome: MessageOf<'welcome'> | undefined): number {
  if (!welcome) throw new GantryError('E_PROTOCOL', `a message of type ${message.type} came before the welcome`);
  const shapes = shapesOf(welcome);
  switch (message.type) {
    case 'assign':
      return assignedBytes(message, shapes);
    case 'weights':
      return 4 * shapes.published(message.round).length;
    case 'update': {
      const { length, compact } = shapes.published(message.round);
      return encodedBytes(shapes.spec.wire, length, compact);
    }
    case 'program': {
      const { phase, samples } = message;
      const promised = welcome.programs.find((each) => each.phase === phase && each.samples === samples);
      if (!promised) throw new GantryError('E_PROTOCOL', `no program of ${phase} for ${samples} samples was announced`);
      return promised.bytes;
    }
    default:
      return 0;
  }
}

function assignedBytes({ batches, round, sent }: MessageOf<'assign'>, shapes: RoundShapes): number {
  const { manifest, spec } = shapes;
  const perStep = roundsPerStep(manifest);
  const beyond = batches.find(({ iteration }) => iteration >= perStep);
  if (beyond) {
    throw new GantryError('E_PROTOCOL', `a step has ${perStep} rounds; there is no round ${beyond.iteration}`);
  }
  const count = batches.reduce((sum, run) => sum + (run.count ?? 1), 0);
  const most = shapes.isLocal(round) ? spec.localSteps * perStep : 1;
  if (count > most) throw new GantryError('E_PROTOCOL', `${count} batches in a unit that has ${most} at most`);
  const samples = samplesInRuns(batches);
  if (sent === undefined) return samples * sampleBytes(manifest);
  if (sent > samples) throw new GantryError('E_PROTOCOL', `data of ${sent} samples for a unit of ${samples}`);
  return 4 * samples + sent * sampleBytes(manifest);
}

function requireBytes(message: Message, expected: number, actual: number): void {
  if (actual !== expected) {
    throw new GantryError(
      'E_BAD_SHAPE',
      `a message of type ${message.type} has a payload of ${actual} bytes where ${expected} were expected`,
    );
  }
}

import {
  Assembly,
  GantryError,
  PROTOCOL_VERSION,
  decodeFromCoordinator,
  encodeFrame,
  freeFrame,
  manifestBytes,
  manifestFromWire,
  programBytes,
  requireAffordable,
  sampleBytes,
  sha256,
  shapesOf,
  type CoordinatorMessage,
  type ErrorCode,
  type MessageOf,
  type WorkerMessage,
} from '@gantry/core';
import { numericClassOf } from '../engines/numeric-class.ts';
import { variantKey } from '../engines/variants.ts';
import { ImageStore } from './image-store.ts';
import { ConnectionError, type Connection } from './connection.ts';
import type { EnginePool } from '../slots/engine-pool.ts';
import { ShardRunner } from './shard-runner.ts';
import type { ShardTally } from './shard-tally.ts';
import type { Platform } from './platform.ts';
import { DEFAULT_IMAGE_CACHE_BYTES, type WorkOptions } from './worker-options.ts';

/** From the open connection to the welcome, and from there to each frame of the programs. */
const WELCOME_TIMEOUT_MS = 10_000;
const PROGRAMS_TIMEOUT_MS = 60_000;
/** Refusals that trying again cannot change. */
const FINAL_REFUSALS: readonly ErrorCode[] = ['E_AUTH', 'E_VERSION', 'E_MANIFEST', 'E_QUARANTINED', 'E_AUDIT'];

/** How a session ended. */
export interface SessionEnd {
  /** Whether there is nothing more to do: the run is finished, or this worker was dropped or told to leave. */
  readonly over: boolean;
  /** Whether the worker had become ready. */
  readonly wasReady: boolean;
  readonly reason: string;
}

export interface SessionTools {
  readonly platform: Platform;
  readonly pool: EnginePool;
  readonly tally: ShardTally;
  /** Shown with each connection. */
  readonly identity: string;
}

/** The worker's part in one connection to a coordinator. */
export class WorkerSession {
  /** Rejects with a GantryError that is final: refused for good, or the engine cannot compute. */
  readonly ended: Promise<SessionEnd>;
  readonly #options: WorkOptions;
  readonly #tools: SessionTools;
  readonly #connection: Connection;
  /** By phase and samples. */
  readonly #programs = new Map<string, Uint8Array>();
  readonly #assembly = new Assembly<CoordinatorMessage>();
  #welcome: MessageOf<'welcome'> | undefined;
  /** Takes work once the worker is ready. */
  #runner: ShardRunner | undefined;
  /** What the coordinator complained of last: the reason if it closes the connection next. */
  #refusal: GantryError | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #settle: { resolve(end: SessionEnd): void; reject(error: unknown): void } | undefined;

  constructor(options: WorkOptions, tools: SessionTools) {
    this.#options = options;
    this.#tools = tools;
    this.ended = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#connection = tools.platform.connect({
      opened: () => this.#sayHello(),
      frame: (frame) => this.#receive(frame),
      closed: (cause) => this.#fail(this.#refusal ?? cause),
    });
    options.signal.addEventListener('abort', this.#leave);
  }

  readonly #leave = (): void => {
    this.#send({ type: 'leaving' });
    this.#end({ over: true, reason: 'told to leave' });
  };

  #sayHello(): void {
    const { name, engine, device, threads } = this.#options;
    this.#expectWithin(WELCOME_TIMEOUT_MS, 'welcome');
    this.#connection.limitSilence?.(WELCOME_TIMEOUT_MS);
    this.#send({
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      name,
      identity: this.#tools.identity,
      engine,
      device,
      threads,
      ...(this.#imageCacheBytes > 0 && { imageCacheBytes: this.#imageCacheBytes }),
      gantry: this.#tools.platform.version,
    });
  }

  get #imageCacheBytes(): number {
    return this.#options.imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES;
  }

  #receive(frame: Uint8Array): void {
    try {
      const received = decodeFromCoordinator(frame, this.#welcome);
      this.#requireTurn(received.message);
      const whole = this.#assembly.add(received);
      if (whole) this.#handle(whole.message, whole.payload);
      // Weights have been copied to where the threads read them, and so have chunks.
      const { type } = received.message;
      const isWeights = type === 'weights' || type === 'update';
      if (!whole || isWeights) freeFrame(frame);
      if (whole && isWeights) freeFrame(whole.payload);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** Before any memory is taken for the message. */
  #requireTurn(message: CoordinatorMessage): void {
    if (message.type === 'weights' || message.type === 'update' || message.type === 'assign') this.#runnerFor(message);
    if (message.type !== 'program') return;
    const { phase, samples } = message;
    if (this.#programs.has(variantKey(phase, samples))) {
      throw outOfTurn(`a second program of ${phase} for ${samples} samples`);
    }
    this.#expectWithin(PROGRAMS_TIMEOUT_MS, 'programs');
  }

  #handle(message: CoordinatorMessage, payload: Uint8Array): void {
    switch (message.type) {
      case 'welcome':
        return this.#receiveWelcome(message);
      case 'program':
        return this.#receiveProgram(message, payload);
      case 'weights':
        return this.#runnerFor(message).setWeights(message, payload);
      case 'update':
        return this.#runnerFor(message).update(message, payload);
      case 'assign':
        return this.#runnerFor(message).assign(message, payload);
      case 'cancel':
        return this.#runnerFor(message).cancel(message);
      case 'bye':
        return this.#end({ over: message.reason !== 'stopped', reason: message.message || message.reason });
      case 'error':
        return this.#receiveRefusal(new GantryError(message.code, message.message));
    }
  }

  /** Ends the session for good, or leaves it to the coordinator whether to go on: one result may be refused alone. */
  #receiveRefusal(refusal: GantryError): void {
    if (FINAL_REFUSALS.includes(refusal.code)) return this.#fail(refusal);
    this.#refusal = refusal;
    this.#options.observer.notice(`refused by the coordinator: ${refusal.message} [${refusal.code}]`);
  }

  #receiveWelcome(welcome: MessageOf<'welcome'>): void {
    if (this.#welcome) throw outOfTurn('a second welcome');
    if (welcome.programs.length === 0) throw new GantryError('E_PROTOCOL', 'the welcome announces no program');
    // Before anything is made for it.
    requireAffordable(manifestFromWire(welcome.manifest), Math.max(...welcome.programs.map(({ samples }) => samples)));
    this.#welcome = welcome;
    // Three heartbeats may be lost or late, and a little more for slow machines.
    this.#connection.limitSilence?.(3 * welcome.heartbeatMs + 2000);
    this.#connection.showLife?.(welcome.heartbeatMs);
    this.#expectWithin(PROGRAMS_TIMEOUT_MS, 'programs');
  }

  #receiveProgram({ phase, samples }: MessageOf<'program'>, payload: Uint8Array): void {
    const { programs } = this.#welcomeOrThrow();
    this.#programs.set(variantKey(phase, samples), payload);
    if (this.#programs.size < programs.length) return;
    clearTimeout(this.#deadline);
    void this.#getReady().catch((error: unknown) => this.#refuse(error));
  }

  /** Checks the programs, loads them and computes the probe shard. */
  async #getReady(): Promise<void> {
    const welcome = this.#welcomeOrThrow();
    const { programs, seed, run, training } = welcome;
    const shapes = shapesOf(welcome);
    const { manifest } = shapes;
    const variants = programs.map(({ phase, samples }) => ({
      phase,
      samples,
      onnx: this.#programs.get(variantKey(phase, samples)) ?? new Uint8Array(),
    }));
    const received = await Promise.all(
      variants.map(async ({ phase, samples, onnx }) => {
        return { phase, samples, bytes: onnx.length, sha256: await sha256(onnx) };
      }),
    );
    const wrong = received.find(({ sha256: digest }, i) => digest !== programs[i]?.sha256);
    if (wrong) {
      throw new GantryError('E_PROTOCOL', `the program for ${wrong.samples} samples has another hash than announced`);
    }
    const hashes = {
      manifest: await sha256(manifestBytes(manifest)),
      program: await sha256(programBytes({ seed, programs: received, training })),
    };
    const key = [seed, hashes.manifest, hashes.program].join(' ');
    const { engine, device, isHardwareGpu = false } = this.#options;
    const probed = await this.#tools.pool.load(key, { seed, manifest, variants, training }, isHardwareGpu);
    this.#programs.clear();
    if (this.#over) return;
    this.#runner = new ShardRunner({
      ...this.#tools,
      shapes,
      images: this.#imageCacheBytes > 0 ? new ImageStore(this.#imageCacheBytes, sampleBytes(manifest)) : undefined,
      observer: this.#options.observer,
      send: (frame, sent) => this.#connection.send(frame, sent),
      failed: (error) => this.#fail(error),
    });
    this.#send({ type: 'ready', ...hashes, numericClass: numericClassOf(engine, device), ...probed });
    this.#options.observer.connected(run);
  }

  #send(message: WorkerMessage): void {
    if (!this.#over) this.#connection.send(encodeFrame(message));
  }

  /** Ends the session for what was found wrong here, and says so to the coordinator. */
  #refuse(error: unknown): void {
    if (error instanceof GantryError) this.#send({ type: 'failure', code: error.code, message: error.message });
    this.#fail(error);
  }

  #fail(error: unknown): void {
    const coded = error instanceof GantryError;
    const final = coded && (FINAL_REFUSALS.includes(error.code) || error.code === 'E_ENGINE');
    if (coded && !final) this.#end({ over: false, reason: `${error.message} [${error.code}]` });
    else if (error instanceof ConnectionError) this.#end({ over: false, reason: error.message });
    else this.#end(undefined, error);
  }

  #expectWithin(limitMs: number, what: string): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#refuse(new GantryError('E_TIMEOUT', `the coordinator sent no ${what} within ${limitMs / 1000} s`));
    }, limitMs);
  }

  #welcomeOrThrow(): MessageOf<'welcome'> {
    if (!this.#welcome) throw outOfTurn('a program before the welcome');
    return this.#welcome;
  }

  #runnerFor({ type }: CoordinatorMessage): ShardRunner {
    if (!this.#runner) throw outOfTurn(`a message of type ${type}, before this worker was ready,`);
    return this.#runner;
  }

  #end(end: Omit<SessionEnd, 'wasReady'> | undefined, error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#options.signal.removeEventListener('abort', this.#leave);
    this.#runner?.stop();
    const wasReady = this.#runner !== undefined;
    void this.#connection.close().then(() => {
      if (end) this.#settle?.resolve({ ...end, wasReady });
      else this.#settle?.reject(error);
    });
  }
}

function outOfTurn(what: string): GantryError {
  return new GantryError('E_PROTOCOL', `${what} came out of turn`);
}

import { GantryError, type ErrorCode, type LoadedUnit, type Program } from '@gantry/core';
import type { EngineHost } from './engine-host.ts';

/** What an engine in another thread is asked; answers carry the same id. */
export type EngineRequest =
  | { readonly id: number; readonly call: 'load'; readonly program: Program }
  | { readonly id: number; readonly call: 'setWeights'; readonly flat: Float32Array }
  | { readonly id: number; readonly call: 'prepare'; readonly unit: LoadedUnit }
  | {
      readonly id: number;
      readonly call: 'gradients';
      readonly unit: LoadedUnit;
      /** Memory for the contribution. */
      readonly memory: Float32Array<ArrayBuffer> | undefined;
    }
  | {
      readonly id: number;
      readonly call: 'answer';
      readonly unit: LoadedUnit;
      /** Memory for the answer. */
      readonly memory: Uint8Array<ArrayBuffer> | undefined;
    }
  | { readonly id: number; readonly call: 'dispose' };

/** What `gradients` and `answer` give. */
type Computed = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export type EngineReply =
  | { readonly id: number; readonly computed: Computed | undefined }
  | { readonly id: number; readonly batches: number }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

/** The thread of an engine: of Node, or of a browser. */
export interface EnginePort {
  readonly post: (request: EngineRequest, transfer: ArrayBuffer[]) => void;
  readonly terminate: () => void | Promise<void>;
}

export interface EnginePortEvents {
  readonly replied: (reply: EngineReply) => void;
  /** The thread is gone. @param why in words */
  readonly died: (why: string, cause?: unknown) => void;
}

type WithoutId<R> = R extends EngineRequest ? Omit<R, 'id'> : never;

interface Pending {
  readonly resolve: (computed: Computed | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly progressed: ((batches: number) => void) | undefined;
}

/** A gradient engine in a thread of its own, so that computing never blocks the caller's event loop. */
export class RemoteEngine implements EngineHost {
  readonly #port: EnginePort;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #failure: GantryError | undefined;

  /** @param start starts the thread, in which `serveEngine` answers */
  constructor(start: (events: EnginePortEvents) => EnginePort) {
    this.#port = start({
      replied: (reply) => {
        const pending = this.#pending.get(reply.id);
        if ('batches' in reply) {
          pending?.progressed?.(reply.batches);
          return;
        }
        this.#pending.delete(reply.id);
        if ('error' in reply) pending?.reject(new GantryError(reply.error.code, reply.error.message));
        else pending?.resolve(reply.computed);
      },
      died: (why, cause) => this.#fail(new GantryError('E_ENGINE', why, { cause })),
    });
  }

  get dead(): boolean {
    return this.#failure !== undefined;
  }

  async load(program: Program): Promise<void> {
    await this.#request({ call: 'load', program });
  }

  async setWeights(flat: Float32Array): Promise<void> {
    await this.#request({ call: 'setWeights', flat });
  }

  async prepare(unit: LoadedUnit): Promise<void> {
    await this.#request({ call: 'prepare', unit });
  }

  async gradients(unit: LoadedUnit, recycled?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const transfer = recycled ? [recycled.buffer] : [];
    const contribution = await this.#request({ call: 'gradients', unit, memory: recycled }, transfer);
    if (!(contribution instanceof Float32Array)) throw new Error('the engine gave no contribution');
    return contribution;
  }

  async answer(
    unit: LoadedUnit,
    recycled?: Uint8Array<ArrayBuffer>,
    progressed?: (batches: number) => void,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const transfer = recycled ? [recycled.buffer] : [];
    const answer = await this.#request({ call: 'answer', unit, memory: recycled }, transfer, progressed);
    if (!(answer instanceof Uint8Array)) throw new Error('the engine gave no answer');
    return answer;
  }

  async dispose(): Promise<void> {
    if (!this.#failure) await this.#request({ call: 'dispose' });
    await this.#port.terminate();
  }

  #request(
    body: WithoutId<EngineRequest>,
    transfer: ArrayBuffer[] = [],
    progressed?: (batches: number) => void,
  ): Promise<Computed | undefined> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject, progressed });
      this.#port.post({ ...body, id }, transfer);
    });
  }

  #fail(error: GantryError): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

/**
 * Answers the requests of a `RemoteEngine` in the engine's thread.
 * @returns to be called with each request, in order
 */
export function serveEngine(
  engine: EngineHost | Promise<EngineHost>,
  post: (reply: EngineReply, transfer: ArrayBuffer[]) => void,
): (request: EngineRequest) => void {
  async function answer(request: EngineRequest): Promise<void> {
    const { id } = request;
    try {
      const progressed = (batches: number) => post({ id, batches }, []);
      const computed = (await perform(await engine, request, progressed)) ?? undefined;
      post({ id, computed }, computed ? [computed.buffer] : []);
    } catch (error) {
      // Structured cloning would drop the code.
      const code = error instanceof GantryError ? error.code : 'E_ENGINE';
      post({ id, error: { code, message: error instanceof Error ? error.message : String(error) } }, []);
    }
  }
  return (request) => void answer(request);
}

/** Runs one call; only `gradients` and `answer` have a result. */
function perform(
  engine: EngineHost,
  request: EngineRequest,
  progressed: (batches: number) => void,
): Promise<Computed | void> {
  switch (request.call) {
    case 'load':
      return engine.load(request.program);
    case 'setWeights':
      return engine.setWeights(request.flat);
    case 'prepare':
      return engine.prepare(request.unit);
    case 'gradients':
      return engine.gradients(request.unit, request.memory);
    case 'answer':
      return engine.answer(request.unit, request.memory, progressed);
    case 'dispose':
      return engine.dispose();
  }
}

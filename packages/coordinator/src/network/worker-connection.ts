import type { ConvolutionForm } from '@gantry/compiler';
import {
  Assembly,
  GantryError,
  PROTOCOL_VERSION,
  decodeFromWorker,
  encodeFrame,
  freeFrame,
  type CoordinatorMessage,
  type MessageOf,
  type WorkerMessage,
} from '@gantry/core';
import type { WebSocket } from 'ws';
import { ControlFrames } from './control-frames.ts';
import { HEARTBEAT_MS, Heartbeat } from './heartbeat.ts';
import { NewestWeights } from './newest-weights.ts';
import type { Delivery } from './program-delivery.ts';
import type { ConvolutionChoice } from '../run/convolution-choice.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { RoundPayloads } from './round-payloads.ts';
import type { Peer } from './server.ts';
import type { Traffic, WorkerLink } from '../scheduling/worker-link.ts';
import { UnitSender } from './unit-sender.ts';
import { LARGE_BYTES, type Uplink } from './uplink.ts';
import type { UnfinishedMessage, UnfinishedMessages } from './unfinished-messages.ts';

/** A connection on which nobody says hello is closed after this time. */
const HELLO_TIMEOUT_MS = 5000;
/** From the welcome to ready: the worker receives and loads the program and computes the probe shard. */
const READY_TIMEOUT_MS = 120_000;
/** A worker that has not been heard for so many heartbeats is taken for dead. */
const HEARTBEATS_MISSED = 3;
/** WebSocket close code "policy violation" (RFC 6455, 7.4.1). */
const CLOSE_POLICY = 1008;
const CLOSE_NORMAL = 1000;
/** What a ping or pong of a client takes beside its data (RFC 6455, 5.2). */
const CONTROL_FRAME_BYTES = 6;

/** What all connections of a run share. */
export interface ConnectionContext {
  /** What travels in each round. */
  readonly payloads: RoundPayloads;
  /** Says, by a worker's device, in which form it computes. */
  readonly convolutions: ConvolutionChoice;
  readonly deliveryFor: (convolutions: ConvolutionForm) => Promise<Delivery>;
  readonly scheduler: Scheduler;
  readonly uplink: Uplink;
  readonly unfinished: UnfinishedMessages;
  /** Identities of the workers that the run starts itself. */
  readonly trusted: ReadonlySet<string>;
  /** Says what a user should know of a connection that never became a worker. */
  readonly onRefused: (peer: string, error: GantryError) => void;
}

/** The coordinator's end of one worker's WebSocket: hello → welcome → ready → work, until it closes. */
export class WorkerConnection {
  readonly #socket: WebSocket;
  readonly #peer: Peer;
  readonly #context: ConnectionContext;
  readonly #assembly = new Assembly<WorkerMessage>();
  readonly #unfinished: UnfinishedMessage;
  /** Some frames of a message have come, not all. */
  #isPartial = false;
  readonly #controlFrames = new ControlFrames();
  readonly #timers: NodeJS.Timeout[] = [];
  #silence: NodeJS.Timeout | undefined;
  #hello: MessageOf<'hello'> | undefined;
  /** In which the worker gets ready; undefined before and after. */
  #form: ConvolutionForm | undefined;
  #delivery: Delivery | undefined;
  #link: WorkerLink | undefined;
  readonly #heartbeat: Heartbeat;
  /** Of a worker that has joined. */
  #weights: NewestWeights | undefined;
  #inRate: number | null = null;
  #cause = 'the connection was closed';
  #ended = false;

  constructor(socket: WebSocket, peer: Peer, context: ConnectionContext) {
    this.#socket = socket;
    this.#peer = peer;
    this.#context = context;
    this.#heartbeat = new Heartbeat(socket);
    this.#unfinished = context.unfinished.of((error) => this.#cut(error));
    // Before ws has taken messages from it.
    peer.socket.prependListener('data', (piece: Buffer) => {
      // Any byte is a sign of life: a large frame on a slow network holds up the pongs behind it.
      this.#heartbeat.heard();
      this.#unfinished.received(piece.length);
    });
    for (const type of ['ping', 'pong'] as const) socket.on(type, (data: Buffer) => this.#receiveControl(data));
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on('error', (error) => this.#refuse(webSocketError(error)));
    socket.on('close', () => {
      this.#closed();
      context.unfinished.forget(this.#unfinished);
    });
    this.#deadline(HELLO_TIMEOUT_MS, 'no hello');
  }

  /** Ends the connection with a goodbye: the worker has left when this returns, and what it still says is ignored. */
  bye(reason: MessageOf<'bye'>['reason'], message: string): void {
    this.#cause = message;
    this.#send({ type: 'bye', reason, message });
    this.#closed();
    this.#socket.close(CLOSE_NORMAL);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#ended) {
      this.#unfinished.complete();
      return;
    }
    try {
      if (!isBinary) throw new GantryError('E_PROTOCOL', 'a text message: frames are binary');
      const received = decodeFromWorker(data, this.#hello && this.#context.payloads.resultBytes);
      const { type } = received.message;
      // Before any memory is taken for it.
      if (type === 'result') this.#linkFor(type);
      const whole = this.#assembly.add(received);
      if (received.totalBytes > 0) this.#isPartial = !whole;
      if (type === 'result' && whole && received.totalBytes >= LARGE_BYTES) this.#noteInRate();
      if (!this.#isPartial) this.#unfinished.complete();
      if (whole) this.#handle(whole.message, whole.payload);
      if (type !== 'result') return;
      freeFrame(data);
      if (whole) freeFrame(whole.payload);
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      this.#refuse(error);
    }
  }

  /** How fast a large message came, once: later ones may have shared the link with others. */
  #noteInRate(): void {
    const { bytesPerMs } = this.#unfinished;
    this.#inRate ??= Number.isFinite(bytesPerMs) ? 1000 * bytesPerMs : Infinity;
  }

  #receiveControl(data: Buffer): void {
    this.#unfinished.discount(CONTROL_FRAME_BYTES + data.length);
    if (!this.#controlFrames.add()) return;
    this.#refuse(new GantryError('E_PROTOCOL', 'more pings and pongs in a second than any worker sends'));
  }

  #handle(message: WorkerMessage, payload: Uint8Array): void {
    const { scheduler } = this.#context;
    if (message.type === 'hello') {
      this.#welcome(message);
      return;
    }
    if (message.type === 'ready') {
      this.#join(message);
      return;
    }
    // A worker that cannot load the program says why: that is the reason to show.
    if (!this.#link && message.type === 'failure') throw new GantryError(message.code, message.message);
    const link = this.#linkFor(message.type);
    switch (message.type) {
      case 'computed':
        this.#weights?.arrived(message.round);
        scheduler.computed(link, message);
        return;
      case 'progress':
        scheduler.progress(link, message);
        return;
      case 'result':
        this.#weights?.arrived(message.round);
        // Assigned, not spread: what is decoded only where it is needed must not be decoded here.
        scheduler.result(link, Object.assign(this.#context.payloads.contributionIn(message, payload), message));
        return;
      case 'failure':
        scheduler.failure(link, new GantryError(message.code, message.message), message.round, message.index);
        return;
      case 'leaving':
        this.#cause = 'it said goodbye';
        this.#closed();
        this.#socket.close(CLOSE_NORMAL);
    }
  }

  #linkFor(type: WorkerMessage['type']): WorkerLink {
    if (!this.#link) throw new GantryError('E_PROTOCOL', `${type} before ready`);
    return this.#link;
  }

  #welcome(hello: MessageOf<'hello'>): void {
    if (this.#hello) throw new GantryError('E_PROTOCOL', 'a second hello');
    if (hello.protocol !== PROTOCOL_VERSION) {
      throw new GantryError(
        'E_VERSION',
        `protocol version ${hello.protocol}, this coordinator speaks ${PROTOCOL_VERSION}`,
      );
    }
    if (this.#context.scheduler.quarantine.has(hello.identity)) {
      throw new GantryError(
        'E_QUARANTINED',
        `${hello.name} gave invalid results before; restart the coordinator to let it in`,
      );
    }
    this.#hello = hello;
    this.#context.scheduler.arrivals.begin(hello);
    this.#clearTimers();
    this.#deliver(hello).catch((cause: unknown) => {
      this.#refuse(new GantryError('E_ENGINE', `there is no program for ${hello.device}: ${String(cause)}`, { cause }));
    });
  }

  async #deliver({ device, identity }: MessageOf<'hello'>): Promise<void> {
    this.#form = this.#context.convolutions.offer(device, identity);
    if (!this.#form) {
      this.bye('stopped', 'another worker is measuring convolutions');
      return;
    }
    const delivery = await this.#context.deliveryFor(this.#form);
    if (this.#ended) return;
    this.#delivery = delivery;
    for (const frame of delivery.frames) this.#socket.send(frame);
    this.#deadline(READY_TIMEOUT_MS, 'not ready');
    this.#startHeartbeat();
  }

  #join(ready: MessageOf<'ready'>): void {
    const hello = this.#hello;
    const delivery = this.#delivery;
    const form = this.#form;
    if (!hello || !delivery || !form) throw new GantryError('E_PROTOCOL', 'ready at the wrong time');
    const { scheduler } = this.#context;
    const { hashes } = delivery;
    const units = new UnitSender(this.#socket, this.#context.payloads, hello.imageCacheBytes);
    if (ready.manifest !== hashes.manifest || ready.program !== hashes.program) {
      throw new GantryError('E_MANIFEST', 'the worker has other parameters or another program than the run');
    }
    const refusal = scheduler.refusalOf(ready);
    if (refusal) throw refusal;
    this.#form = undefined;
    if (!this.#context.convolutions.ready(hello.device, hello.identity, form, ready.probeMs)) {
      this.bye('stopped', `its ${hello.device} has measured ${form} convolutions: it is to come with others`);
      return;
    }
    this.#clearTimers();
    this.#startHeartbeat();
    const weights = new NewestWeights(
      this.#socket,
      this.#context.uplink,
      (arrived) => this.#heartbeat.ping(arrived),
      () => {
        if (this.#link) scheduler.caughtUp(this.#link);
      },
    );
    this.#weights = weights;
    const taken = new Set(scheduler.workers.map(({ name }) => name));
    this.#link = {
      name: uniqueName(hello.name, taken),
      identity: hello.identity,
      isTrusted: this.#context.trusted.has(hello.identity),
      numericClass: scheduler.classNames.nameOf(ready),
      slots: hello.threads,
      place: { address: this.#peer.address, engine: hello.engine, device: hello.device },
      traffic: () => ({ ...this.#traffic(), imageBytes: units.imageBytes, outRate: weights.bytesPerSecond }),
      setWeights: (...newest) => weights.send(...newest),
      isBehind: () => weights.isBehind,
      isWaiting: () => weights.isWaiting,
      assign: (work, isAlone) => units.send(work, isAlone),
      cancel: (round, index) => this.#send({ type: 'cancel', round, index }),
      refuse: (error) => this.#send({ type: 'error', code: error.code, message: error.message }),
      drop: (error) => this.#refuse(error),
      dismiss: (cause) => this.bye('dropped', cause),
      restart: (cause) => this.bye('stopped', cause),
    };
    scheduler.arrivals.end(hello);
    scheduler.join(this.#link);
  }

  #traffic(): Omit<Traffic, 'imageBytes' | 'outRate'> {
    const { silentMs: lastSeenMs, roundTripMs } = this.#heartbeat;
    const { bytesRead: bytesIn, bytesWritten: bytesOut } = this.#peer.socket;
    return { bytesIn, bytesOut, roundTripMs, lastSeenMs, inRate: this.#inRate };
  }

  #send(message: CoordinatorMessage): void {
    this.#socket.send(encodeFrame(message));
  }

  /** Says what is wrong and closes. */
  #refuse(error: GantryError): void {
    if (this.#ended) return;
    this.#cause = `${error.message} [${error.code}]`;
    if (this.#link) this.#context.scheduler.violation(this.#link, error);
    else this.#context.onRefused(this.#peer.address, error);
    this.#send({ type: 'error', code: error.code, message: error.message });
    this.#closed();
    this.#socket.close(CLOSE_POLICY, error.code);
  }

  /** Ends a connection that keeps memory in use. That its link is slow is not held against a worker. */
  #cut(error: GantryError): void {
    if (this.#ended) {
      this.#socket.terminate();
      return;
    }
    if (!this.#link) this.#context.onRefused(this.#peer.address, error);
    this.#send({ type: 'error', code: error.code, message: error.message });
    this.#terminate(`${error.message} [${error.code}]`);
  }

  #terminate(cause: string): void {
    this.#cause = cause;
    this.#closed();
    this.#socket.terminate();
  }

  /** Nothing more is expected from the worker. */
  #closed(): void {
    this.#ended = true;
    this.#clearTimers();
    if (this.#hello) this.#context.scheduler.arrivals.end(this.#hello);
    if (this.#hello && this.#form) this.#context.convolutions.left(this.#hello.device, this.#hello.identity);
    this.#form = undefined;
    const link = this.#link;
    this.#link = undefined;
    if (link) this.#context.scheduler.leave(link, this.#cause);
    this.#weights?.stop();
  }

  #startHeartbeat(): void {
    // How long an answer takes is known best before anything large is on its way.
    this.#heartbeat.ping();
    this.#timers.push(setInterval(() => this.#heartbeat.ping(), HEARTBEAT_MS));
    this.#endSilence(HEARTBEATS_MISSED * HEARTBEAT_MS, HEARTBEATS_MISSED * HEARTBEAT_MS);
  }

  /** Takes the worker for dead once it has been silent for `limitMs`. @param nextMs when to look */
  #endSilence(limitMs: number, nextMs: number): void {
    const look = () => {
      const { silentMs } = this.#heartbeat;
      if (this.#ended) return;
      if (silentMs < limitMs) this.#endSilence(limitMs, limitMs - silentMs);
      else this.#terminate(`silent for ${(silentMs / 1000).toFixed(1)} s`);
    };
    // After the coordinator itself was held up, what came meanwhile is read before anyone is taken for dead.
    this.#silence = setTimeout(() => setImmediate(look), nextMs);
  }

  #deadline(ms: number, what: string): void {
    this.#timers.push(
      setTimeout(() => this.#refuse(new GantryError('E_TIMEOUT', `${what} within ${ms / 1000} s`)), ms),
    );
  }

  #clearTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    clearTimeout(this.#silence);
  }
}

/**
 * What is against the WebSocket protocol, be it by a peer or by damage on the way; ws has closed with a code of its own, and only
 * the record gets this.
 */
function webSocketError(error: Error): GantryError {
  const isTooLarge = 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  return new GantryError(isTooLarge ? 'E_TOO_LARGE' : 'E_CHECKSUM', error.message);
}

/** The name, or the name with the first number that makes it unique. */
function uniqueName(name: string, taken: ReadonlySet<string>): string {
  let unique = name;
  for (let i = 2; taken.has(unique); i++) unique = `${name}-${i}`;
  return unique;
}

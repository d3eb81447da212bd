import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import {
  Assembly,
  MAX_PAYLOAD_BYTES,
  PROTOCOL_VERSION,
  decodeFromCoordinator,
  encodeFrame,
  encodeVector,
  encodedBytes,
  manifestBytes,
  manifestFromWire,
  peekHeader,
  programBytes,
  samplesInRuns,
  sealFrame,
  sha256,
  shapesOf,
  type CoordinatorMessage,
  type MessageOf,
  type RoundShapes,
  type WorkerMessage,
} from '@gantry/core';
import { FrameStream, OPCODE, frameHead, masked, type RawMessage } from './frame-stream.ts';

const NO_MASK = new Uint8Array(4);
const SOME_MASK = Uint8Array.of(0x5a, 0x17, 0xc3, 0x81);
const READ_BYTES = 1 << 20;
/** Of each number, for each sample: so small that training goes on for a while. */
const GRADIENT = 1e-4;
/** Room for all images there are: each comes once. */
const IMAGE_CACHE_BYTES = 2 ** 31;

/** The payload of a result. */
interface Answer {
  readonly payload: Uint8Array;
  /** As it goes over the connection. */
  readonly masked: Uint8Array;
}

/** What all workers of one process answer with, made once: valid, and the same for all units of a size. */
export class Answers {
  readonly mask: Uint8Array;
  readonly #made = new Map<string, Answer>();

  /** @param isMasked as workers do without TLS beyond loopback; elsewhere their masks are zeros, which cost nothing */
  constructor(isMasked: boolean) {
    this.mask = isMasked ? SOME_MASK : NO_MASK;
  }

  /** To a unit of so many samples. */
  of(shapes: RoundShapes, round: number, samples: number): Answer {
    const { length, compact } = shapes.contribution(round);
    const key = `${length} ${samples}`;
    const known = this.#made.get(key);
    if (known) return known;
    // Equal gradients or differences, and behind them what the samples are counted by.
    const sum = new Float32Array(length).fill(GRADIENT * samples, 0, compact).fill(samples, compact);
    const payload = encodeVector(shapes.spec.wire, sum, compact, 'nearest');
    const answer = { payload, masked: this.mask === NO_MASK ? payload : masked(payload, this.mask) };
    this.#made.set(key, answer);
    return answer;
  }
}

export interface SyntheticWorkerOptions {
  readonly port: number;
  readonly token: string;
  readonly name: string;
  /** Shards that it says to compute at the same time. */
  readonly threads: number;
  /** What it says that a shard takes; the coordinator shares work out, and finds shards late, by it. */
  readonly claimedMs: number;
  /**
   * How long it really waits before each answer: with as many shards at the same time as it says. @param samples of
   * the shard
   */
  readonly delayMs: (samples: number) => number;
  readonly answers: Answers;
  readonly onMessage: (message: CoordinatorMessage) => void;
  /** Also if the coordinator ends the connection in good order. */
  readonly onClosed: (cause: string) => void;
}

/**
 * Speaks the protocol of a worker and computes nothing; until it is released it keeps its shards. It reads and writes
 * WebSocket frames itself: the library would
 * join the 10 MB of every weights message, which a load generator had better save.
 */
export class SyntheticWorker {
  readonly #options: SyntheticWorkerOptions;
  readonly #socket: Socket;
  #upgraded = false;
  #answer = '';
  readonly #assembly = new Assembly<CoordinatorMessage>();
  #welcome: MessageOf<'welcome'> | undefined;
  #shapes: RoundShapes | undefined;
  #alive: NodeJS.Timeout | undefined;
  #programs = 0;
  #released = false;
  #round = -1;
  /** Shards that it waits for at present. */
  #waiting = 0;
  /** Not begun yet. */
  readonly #shards = new Set<MessageOf<'assign'>>();
  readonly #stream = new FrameStream((message) => this.#receive(message));

  constructor(options: SyntheticWorkerOptions) {
    this.#options = options;
    this.#socket = connect({
      host: '127.0.0.1',
      port: options.port,
      // One block for all: what is read is taken out before the next read.
      onread: { buffer: readBlock, callback: (bytes, block) => this.#read(Buffer.from(block.buffer, 0, bytes)) },
    });
    this.#socket.setNoDelay();
    this.#socket.on('connect', () => this.#requestUpgrade());
    this.#socket.on('error', (error) => (this.#answer = error.message));
    this.#socket.on('close', () => {
      clearInterval(this.#alive);
      options.onClosed(this.#answer);
    });
  }

  /** From now on it answers. */
  release(): void {
    this.#released = true;
    this.#compute();
  }

  /** Goes away without a word. */
  vanish(): void {
    this.#socket.destroy();
  }

  #requestUpgrade(): void {
    const { port, token } = this.#options;
    const head = [
      'GET /work HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Authorization: Bearer ${token}`,
    ];
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`);
  }

  #read(chunk: Buffer): boolean {
    if (this.#upgraded) this.#stream.take(chunk);
    else this.#readAnswer(chunk);
    return true;
  }

  #readAnswer(chunk: Buffer): void {
    this.#answer += chunk.toString('latin1');
    const end = this.#answer.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!this.#answer.startsWith('HTTP/1.1 101 ')) return this.vanish();
    this.#upgraded = true;
    const rest = Buffer.from(this.#answer.slice(end + 4), 'latin1');
    this.#answer = 'the connection was closed';
    const { name, threads } = this.#options;
    const identity = randomBytes(16).toString('hex');
    const place = { name, engine: 'synthetic', device: 'none', gantry: '0.1.0', imageCacheBytes: IMAGE_CACHE_BYTES };
    this.#send({ type: 'hello', protocol: PROTOCOL_VERSION, threads, identity, ...place });
    this.#stream.take(rest);
  }

  #receive(raw: RawMessage): void {
    if (raw.opcode === OPCODE.ping) this.#write(OPCODE.pong, [raw.kept]);
    if (raw.opcode === OPCODE.close) this.vanish();
    if (raw.opcode !== OPCODE.binary) return;
    const message = this.#decode(raw);
    if (!message) return;
    this.#handle(message);
    this.#options.onMessage(message);
  }

  /** Of what was not kept whole, only the header is looked at. @returns undefined where more of the message follows */
  #decode({ kept, length }: RawMessage): CoordinatorMessage | undefined {
    if (kept.length < length) {
      const message = peekHeader(kept) as CoordinatorMessage;
      return this.#isLast(message) ? message : undefined;
    }
    return this.#assembly.add(decodeFromCoordinator(kept, this.#welcome))?.message;
  }

  /** Whether a frame is the last one of what is published, which comes in several where it is long. */
  #isLast(message: CoordinatorMessage): boolean {
    if (!this.#shapes || (message.type !== 'weights' && message.type !== 'update')) return true;
    const { length, compact } = this.#shapes.published(message.round);
    const wire = message.type === 'weights' ? 'float32' : this.#shapes.spec.wire;
    return (message.offset ?? 0) + MAX_PAYLOAD_BYTES >= encodedBytes(wire, length, compact);
  }

  #handle(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome = message;
        this.#shapes = shapesOf(message);
        // What is published may hold up the pings behind it for longer than a worker may be silent.
        this.#alive = setInterval(() => this.#write(OPCODE.pong, []), message.heartbeatMs);
        return;
      case 'program':
        this.#programs++;
        if (this.#welcome?.programs.length === this.#programs) {
          this.#getReady(this.#welcome).catch((error: unknown) => this.#socket.destroy(error as Error));
        }
        return;
      case 'weights':
      case 'update':
        this.#round = message.round;
        this.#compute();
        return;
      case 'assign':
        // It may come ahead of the weights of its round.
        this.#shards.add(message);
        this.#compute();
        return;
      case 'cancel':
        for (const shard of this.#shards) {
          if (shard.round === message.round && shard.index === message.index) this.#shards.delete(shard);
        }
        return;
      case 'bye':
      case 'error':
        this.#answer = message.message;
    }
  }

  /** The hashes of the welcome are confirmed without looking at the programs. */
  async #getReady(welcome: MessageOf<'welcome'>): Promise<void> {
    this.#send({
      type: 'ready',
      manifest: await sha256(manifestBytes(manifestFromWire(welcome.manifest))),
      program: await sha256(programBytes(welcome)),
      numericClass: 'synthetic',
      probe: '0'.repeat(16),
    });
  }

  #compute(): void {
    if (!this.#released) return;
    const { delayMs, threads } = this.#options;
    for (const shard of this.#shards) {
      if (shard.round < this.#round) this.#shards.delete(shard);
      if (shard.round !== this.#round || this.#waiting === threads) continue;
      this.#shards.delete(shard);
      const samples = samplesInRuns(shard.batches);
      const ms = delayMs(samples);
      if (ms === 0) {
        this.#sendResult(shard, samples);
        continue;
      }
      this.#waiting++;
      setTimeout(() => {
        this.#waiting--;
        this.#sendResult(shard, samples);
        this.#compute();
      }, ms);
    }
  }

  #sendResult({ round, index }: MessageOf<'assign'>, samples: number): void {
    if (!this.#shapes) return;
    const { answers, claimedMs } = this.#options;
    const message = {
      type: 'result',
      round,
      level: 0,
      index,
      samples,
      computeMs: claimedMs,
      waitMs: 0,
    } as const;
    const answer = answers.of(this.#shapes, round, samples);
    for (let offset = 0; offset < answer.payload.length; offset += MAX_PAYLOAD_BYTES) {
      const end = offset + MAX_PAYLOAD_BYTES;
      // Without its payload, a frame is what stands before the payload: that follows as it is, uncopied.
      const head = encodeFrame(offset === 0 ? message : { ...message, offset });
      sealFrame(head, answer.payload.subarray(offset, end));
      this.#write(OPCODE.binary, [head], answer.masked.subarray(offset, end));
    }
  }

  #send(message: WorkerMessage): void {
    this.#write(OPCODE.binary, [encodeFrame(message)]);
  }

  /** @param rest what is masked already */
  #write(opcode: number, parts: readonly Uint8Array[], rest: Uint8Array = new Uint8Array()): void {
    if (this.#socket.destroyed) return;
    const { mask } = this.#options.answers;
    const length = [...parts, rest].reduce((sum, part) => sum + part.length, 0);
    this.#socket.cork();
    this.#socket.write(frameHead(opcode, length, mask));
    for (const part of parts) this.#socket.write(masked(part, mask));
    if (rest.length > 0) this.#socket.write(rest);
    this.#socket.uncork();
  }
}

const readBlock = Buffer.from(new ArrayBuffer(READ_BYTES));

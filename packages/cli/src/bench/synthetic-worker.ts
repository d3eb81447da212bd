import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import {
  Assembly,
  MAX_PAYLOAD_BYTES,
  PROTOCOL_VERSION,
  decodeFromCoordinator,
  encodeFrame,
  contributionLayout,
  manifestBytes,
  manifestFromWire,
  peekHeader,
  phaseAt,
  programBytes,
  samplesInRuns,
  sealFrame,
  sha256,
  type CoordinatorMessage,
  type MessageOf,
  type WorkerMessage,
} from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { FrameStream, OPCODE, frameHead, masked, type RawMessage } from './frame-stream.ts';

const NO_MASK = new Uint8Array(4);
const SOME_MASK = Uint8Array.of(0x5a, 0x17, 0xc3, 0x81);
const READ_BYTES = 1 << 20;
const GRADIENT = 1e-3;

/** The sum of `samples` equal gradients, all of them small: valid, and the same for every shard. */
function constantLeaf(samples: number): Float32Array {
  const manifest = modelManifest();
  const { length, sums } = contributionLayout(manifest, phaseAt(manifest, 0));
  const firstSum = Math.min(...Object.values(sums).map(({ offset }) => offset));
  return new Float32Array(length).fill(GRADIENT * samples).fill(samples, firstSum, length);
}

/** What all workers of one process share. */
export class Answers {
  /** What every shard is answered with. */
  readonly leaf: Uint8Array;
  readonly maskedLeaf: Uint8Array;
  readonly mask: Uint8Array;

  /** @param isMasked as workers do without TLS beyond loopback; elsewhere their masks are zeros, which cost nothing */
  constructor(samples: number, isMasked: boolean) {
    this.mask = isMasked ? SOME_MASK : NO_MASK;
    this.leaf = new Uint8Array(constantLeaf(samples).buffer);
    this.maskedLeaf = isMasked ? masked(this.leaf, this.mask) : this.leaf;
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
  /** How long it really waits before each answer. */
  readonly delayMs: number;
  readonly answers: Answers;
  readonly onMessage: (message: CoordinatorMessage) => void;
  /** Also if the coordinator ends the connection in good order. */
  readonly onClosed: (cause: string) => void;
}

/**
 * Speaks the protocol of a worker and computes nothing; until it is released it keeps its shards. It reads and writes WebSocket frames itself: the library would
 * join the 10 MB of every weights message, which a load generator had better save.
 */
export class SyntheticWorker {
  readonly #options: SyntheticWorkerOptions;
  readonly #socket: Socket;
  #upgraded = false;
  #answer = '';
  readonly #assembly = new Assembly<CoordinatorMessage>();
  #welcome: MessageOf<'welcome'> | undefined;
  #programs = 0;
  #released = false;
  #round = -1;
  /** Not answered yet. */
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
    this.#socket.on('close', () => options.onClosed(this.#answer));
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
    const place = { name, engine: 'synthetic', device: 'none', gantry: '0.1.0' };
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

  /** Of what was not kept whole, only the header is looked at. */
  #decode({ kept, length }: RawMessage): CoordinatorMessage | undefined {
    if (kept.length < length) return peekHeader(kept) as CoordinatorMessage;
    return this.#assembly.add(decodeFromCoordinator(kept, this.#welcome))?.message;
  }

  #handle(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome = message;
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
    const { delayMs } = this.#options;
    for (const shard of this.#shards) {
      if (shard.round < this.#round) this.#shards.delete(shard);
      if (shard.round !== this.#round) continue;
      if (delayMs === 0) this.#sendResult(shard);
      else setTimeout(() => this.#sendResult(shard), delayMs);
    }
  }

  #sendResult(shard: MessageOf<'assign'>): void {
    // It may have been taken back, and be due more than once.
    if (!this.#shards.delete(shard)) return;
    const { round, index } = shard;
    const { answers, claimedMs } = this.#options;
    const message = {
      type: 'result',
      round,
      level: 0,
      index,
      samples: samplesInRuns(shard.batches),
      computeMs: claimedMs,
      waitMs: 0,
    } as const;
    for (let offset = 0; offset < answers.leaf.length; offset += MAX_PAYLOAD_BYTES) {
      const end = offset + MAX_PAYLOAD_BYTES;
      // Without its payload, a frame is what stands before the payload: the leaf follows as it is, uncopied.
      const head = encodeFrame(offset === 0 ? message : { ...message, offset });
      sealFrame(head, answers.leaf.subarray(offset, end));
      this.#write(OPCODE.binary, [head], answers.maskedLeaf.subarray(offset, end));
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

import { createHash } from 'node:crypto';
import net from 'node:net';
import {
  Assembly,
  PROTOCOL_VERSION,
  decodeFromCoordinator,
  encodeFrame,
  encodeFrames,
  encodeVector,
  manifestBytes,
  manifestFromWire,
  programBytes,
  sealFrame,
  sha256,
  shapesOf,
  type CoordinatorMessage,
  type MessageOf,
} from '@gantry/core';
import { WebSocket, type ClientOptions } from 'ws';

const WAIT_MS = 60_000;

/** Where the coordinator under attack listens, and the token that the attackers got hold of. */
export interface Target {
  /** ws://HOST:PORT */
  readonly url: string;
  readonly token: string;
}

/** How the coordinator ended a connection. */
export interface Refusal {
  /** Of the last error message before the close; undefined if there was none. */
  readonly code: string | undefined;
  /** WebSocket close code. */
  readonly closeCode: number;
}

/** A peer that speaks the protocol of a worker as far as it likes to. */
export class HostilePeer {
  readonly #socket: WebSocket;
  /** What came and was not asked for yet, without the payloads. */
  readonly #inbox: CoordinatorMessage[] = [];
  readonly #closed: Promise<number>;
  readonly #assembly = new Assembly<CoordinatorMessage>();
  #welcome: MessageOf<'welcome'> | undefined;
  #closeCode: number | undefined;
  #news: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (frame: Buffer) => {
      const message = this.#assembly.add(decodeFromCoordinator(frame, this.#welcome))?.message;
      if (!message) return;
      if (message.type === 'welcome') this.#welcome = message;
      this.#inbox.push(message);
      this.#news();
    });
    // What follows is the close event.
    socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#closeCode = code;
        this.#news();
        resolve(code);
      });
    });
  }

  /** A connection that has the right token and has said nothing yet. */
  static async connect({ url, token }: Target): Promise<HostilePeer> {
    const socket = new WebSocket(`${url}/work`, {
      headers: { Authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      // Ten megabytes a leaf: masking them would cost this process more than the coordinator.
      generateMask: (mask) => void mask.fill(0),
    });
    const peer = new HostilePeer(socket);
    await within(
      'the upgrade',
      new Promise<void>((resolve, reject) => {
        socket.once('open', resolve).once('error', reject);
      }),
    );
    return peer;
  }

  /** A peer that the run takes for a worker, a fast one. */
  static async join(target: Target, name: string): Promise<HostilePeer> {
    const peer = await HostilePeer.connect(target);
    await peer.getReady(name);
    return peer;
  }

  /** @param manifest sha256 to claim instead of the right one */
  async getReady(name: string, manifest?: string): Promise<void> {
    this.send(helloFrame(name));
    const welcome = await this.next('welcome');
    for (const { samples } of welcome.programs) {
      const program = await this.next('program');
      if (program.samples !== samples) throw new Error('programs come in another order than announced');
    }
    this.send(
      encodeFrame({
        type: 'ready',
        manifest: manifest ?? (await sha256(manifestBytes(manifestFromWire(welcome.manifest)))),
        program: await sha256(programBytes(welcome)),
        numericClass: 'native-1',
        probe: '0'.repeat(64),
      }),
    );
  }

  /** Float32 numbers in a leaf. */
  get contributionLength(): number {
    if (!this.#welcome) throw new Error('no welcome yet');
    return shapesOf(this.#welcome).contribution(0).length;
  }

  /** A contribution as the run's wire has it. */
  #payloadOf(leaf: Float32Array, round: number): Uint8Array {
    if (!this.#welcome) throw new Error('no welcome yet');
    const shapes = shapesOf(this.#welcome);
    const { wire } = shapes.spec;
    // Some have not as many numbers as a contribution has.
    const compact = Math.min(leaf.length, shapes.contribution(round).compact);
    return encodeVector(wire, leaf, compact, 'nearest');
  }

  send(data: Uint8Array | string): void {
    this.#socket.send(data);
  }

  /** Sends the first piece of a message that it does not end, and waits until it has left. */
  async begin(piece: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.send(piece, { fin: false }, () => resolve()));
  }

  sendResult(round: number, index: number, options: { level?: number; samples?: number; leaf?: Float32Array } = {}) {
    const { level = 0, samples = 4, leaf = new Float32Array(this.contributionLength) } = options;
    const message = { type: 'result', round, level, index, samples, computeMs: 1, waitMs: 0 } as const;
    for (const frame of encodeFrames(message, this.#payloadOf(leaf, round))) this.send(frame);
  }

  /** The next message of one of these types; others before it are skipped. */
  async next<Type extends CoordinatorMessage['type']>(...types: readonly Type[]): Promise<MessageOf<Type>> {
    return within(
      types.join(' or '),
      new Promise((resolve, reject) => {
        this.#news = () => {
          for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
            if (!isOneOf(message, types)) continue;
            this.#news = () => undefined;
            resolve(message);
            return;
          }
          if (this.#closeCode !== undefined) reject(new Error(`closed with ${this.#closeCode} before ${types.join()}`));
        };
        this.#news();
      }),
    );
  }

  /** Waits until the round under way has such a number at least. @returns its number */
  async round(atLeast = 0): Promise<number> {
    for (;;) {
      const { round } = await this.next('weights', 'update');
      if (round >= atLeast) return round;
    }
  }

  /**
   * Answers one shard after another until an answer is refused. An answer that comes when another worker has given one
   * already is not refused, whatever is in it; new weights then come in place of the refusal.
   * @returns the code, and the shard that it is about
   */
  async answerUntilRefused(
    answer: (shard: MessageOf<'assign'>) => void,
  ): Promise<{ code: string; shard: MessageOf<'assign'> }> {
    let current = -1;
    let answered: MessageOf<'assign'> | undefined;
    /** The round may be over before the refusal comes. */
    let last: MessageOf<'assign'> | undefined;
    const held: MessageOf<'assign'>[] = [];
    for (;;) {
      const message = await this.next('weights', 'update', 'assign', 'error');
      if (message.type === 'error') {
        if (!last) throw new Error(`refused before anything was sent: ${message.message}`);
        return { code: message.code, shard: last };
      }
      if (message.type === 'assign') {
        held.push(message);
      } else {
        current = message.round;
        answered = undefined;
      }
      // Shards of the round after come ahead of its weights.
      const shard = held.find(({ round }) => round === current);
      if (shard && !answered) {
        answered = shard;
        last = shard;
        answer(shard);
      }
    }
  }

  /** Waits until the coordinator has closed the connection. */
  async refusal(): Promise<Refusal> {
    const closeCode = await within('the close', this.#closed);
    const error = this.#inbox.findLast((message) => message.type === 'error');
    return { code: error?.code, closeCode };
  }

  /** From now on nothing is taken from the connection: pings get no answer. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Goes away without a word, as after a crash. */
  async vanish(): Promise<void> {
    this.#socket.terminate();
    await this.#closed;
  }
}

export function helloFrame(name: string): Uint8Array {
  return encodeFrame({
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    name,
    // The same whenever it comes under this name.
    identity: createHash('sha256').update(name).digest('hex'),
    engine: 'onnx',
    device: 'cpu',
    threads: 1,
    gantry: '0.1.0',
  });
}

/** A frame with any bytes for a header; the codec would refuse to write it. */
export function rawFrame(header: Uint8Array, headerBytes = header.length): Uint8Array {
  const frame = new Uint8Array(Math.ceil((16 + header.length) / 8) * 8);
  frame.set([0x47, 0x54, PROTOCOL_VERSION]);
  new DataView(frame.buffer).setUint32(4, headerBytes, true);
  frame.set(header, 16);
  sealFrame(frame);
  return frame;
}

/** How the coordinator answers a request to become a worker. @returns HTTP status and code; 101 if it lets the peer in */
export async function upgradeAnswer(url: string, options: ClientOptions): Promise<{ status: number; code?: string }> {
  const socket = new WebSocket(`${url}/work`, options);
  const answer = new Promise<{ status: number; code?: string }>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => {
      resolve({ status: 101 });
      socket.terminate();
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        const { code } = JSON.parse(body) as { code: string };
        resolve({ status: response.statusCode ?? 0, code });
      });
    });
  });
  return within('the answer to the upgrade', answer);
}

/** Sends an upgrade request that never ends, a header now and then. @returns all that comes back until it is cut off */
export async function slowUpgrade(url: string, everyMs: number): Promise<string> {
  const { hostname, port, host } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  // A reset is one of the ways to be cut off.
  socket.on('error', () => undefined);
  socket.write(`GET /work HTTP/1.1\r\nHost: ${host}\r\n`);
  const timer = setInterval(() => socket.write('X-Slow: 1\r\n'), everyMs);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      clearInterval(timer);
      resolve();
    });
  });
  await within('the end of a slow upgrade', closed);
  return answer;
}

function isOneOf<Type extends CoordinatorMessage['type']>(
  message: CoordinatorMessage,
  types: readonly Type[],
): message is MessageOf<Type> {
  return types.some((type) => type === message.type);
}

/** Rejects if it takes longer than any machine needs: a peer that is not answered must not look like one that waits. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${WAIT_MS / 1000} s`)), WAIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

import { EventEmitter, once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Towards } from './faults.ts';
import { FrameFollower } from './frame-follower.ts';

type State = 'clear' | 'stalled' | { readonly bytesPerSecond: number };

/** A TCP proxy on loopback that can treat badly what goes through it. */
export class SlowLink {
  readonly port: number;
  readonly #server: Server;
  readonly #connections = new Set<AbortController>();
  #state: State = 'clear';
  /** Emits `changed`. */
  readonly #stateEvents = new EventEmitter().setMaxListeners(0);
  /** Goes into the stream between the next two frames. */
  readonly #garbage = new Map<Towards, Buffer>();
  #spoiled = 0;
  /** Of the next bytes that go there, one bit is changed: which one follows from the number. */
  readonly #flips = new Map<Towards, number>();
  #flipped = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param targetPort where connections lead, on loopback */
  static async open(targetPort: number): Promise<SlowLink> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const link = new SlowLink(server, (server.address() as AddressInfo).port);
    server.on('connection', (client) => link.#connect(client, net.connect(targetPort, '127.0.0.1')));
    return link;
  }

  /** How often garbage got into a stream. */
  get spoiled(): number {
    return this.#spoiled;
  }

  /** Each direction of a connection gets so much from now on. */
  slow(bytesPerSecond: number): void {
    this.#setState({ bytesPerSecond });
  }

  /** Nothing goes through from now on; connections stay. */
  stall(): void {
    this.#setState('stalled');
  }

  clear(): void {
    this.#setState('clear');
  }

  /** Ends all connections without a word. */
  cut(): void {
    for (const connection of this.#connections) connection.abort();
  }

  /** Puts bytes into the stream, as soon as there is a place between two frames. */
  spoil(towards: Towards, bytes: Buffer): void {
    this.#garbage.set(towards, bytes);
  }

  /** How often a bit was changed. */
  get flipped(): number {
    return this.#flipped;
  }

  /** Changes one bit of what goes there next, beyond the HTTP head. @param seed says which */
  flip(towards: Towards, seed: number): void {
    this.#flips.set(towards, seed);
  }

  /** From now on it is a link like any other. */
  heal(): void {
    this.#flips.clear();
    this.#garbage.clear();
    this.clear();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #setState(state: State): void {
    this.#state = state;
    this.#stateEvents.emit('changed');
  }

  #connect(client: Socket, target: Socket): void {
    const connection = new AbortController();
    this.#connections.add(connection);
    connection.signal.addEventListener('abort', () => {
      this.#connections.delete(connection);
      client.destroy();
      target.destroy();
    });
    const end = () => connection.abort();
    // Whatever went wrong at one end, the other one learns of it by the end of its own connection.
    for (const socket of [client, target]) socket.on('error', end).on('close', end);
    this.#pump(client, target, 'coordinator', connection.signal).catch(end);
    this.#pump(target, client, 'worker', connection.signal).catch(end);
  }

  async #pump(from: Socket, to: Socket, towards: Towards, signal: AbortSignal): Promise<void> {
    const follower = new FrameFollower();
    for await (const data of from) {
      const chunk = data as Buffer;
      await this.#passage(chunk.length, signal);
      const isPastHead = follower.isPastHead;
      const boundary = follower.follow(chunk);
      if (isPastHead) this.#flipIn(towards, chunk);
      const out = this.#spoiledBy(towards, chunk, boundary);
      if (!to.write(out)) await once(to, 'drain', { signal });
    }
    to.end();
  }

  /** Resolves when so many bytes may go on. */
  async #passage(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.#state === 'stalled') await once(this.#stateEvents, 'changed', { signal });
    if (this.#state !== 'clear') await delay((bytes * 1000) / this.#state.bytesPerSecond, undefined, { signal });
  }

  #flipIn(towards: Towards, chunk: Buffer): void {
    const seed = this.#flips.get(towards);
    if (seed === undefined) return;
    this.#flips.delete(towards);
    this.#flipped++;
    const bit = seed % (8 * chunk.length);
    chunk[bit >> 3] = (chunk[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }

  #spoiledBy(towards: Towards, chunk: Buffer, boundary: number | undefined): Buffer {
    const garbage = this.#garbage.get(towards);
    if (!garbage || boundary === undefined) return chunk;
    this.#garbage.delete(towards);
    this.#spoiled++;
    return Buffer.concat([chunk.subarray(0, boundary), garbage, chunk.subarray(boundary)]);
  }
}

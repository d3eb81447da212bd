import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { Lane, Pace } from './lane.ts';

/**
 * Of a connection in one direction at the same time, beside what a link with a delay holds: about what the kernel
 * buffers.
 */
const WINDOW_BYTES = 2 ** 20;

export interface LinkRate {
  /** Each way; Infinity for as fast as this machine is. */
  readonly bitsPerSecond: number;
  /** One way. */
  readonly delayMs: number;
}

/** As seen from the coordinator. */
export type Direction = 'in' | 'out';

export interface NetworkCardOptions extends LinkRate {
  /** Told of all bytes of a connection, in order, before they are under way. @param connection from 0 */
  readonly onData?: (connection: number, direction: Direction, data: Buffer) => void;
}

/**
 * A TCP proxy on loopback that stands for the coordinator's network card: all connections have one rate each way
 * between them. The bytes of a connection keep their order, and who sends too fast has to wait, as TCP makes it.
 */
export class NetworkCard {
  readonly port: number;
  readonly bytes: Record<Direction, number> = { in: 0, out: 0 };
  readonly #server: Server;
  readonly #options: NetworkCardOptions;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #windowBytes: number;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(server: Server, port: number, options: NetworkCardOptions) {
    this.#server = server;
    this.port = port;
    this.#options = options;
    const { bitsPerSecond, delayMs } = options;
    const bytesPerMs = bitsPerSecond / 8 / 1000;
    const lane = () => new Lane(new Pace(bytesPerMs, delayMs));
    this.#lanes = { in: lane(), out: lane() };
    // Without a delay, nothing is on its way in a link of any rate.
    this.#windowBytes = WINDOW_BYTES + (delayMs > 0 ? 2 * delayMs * bytesPerMs : 0);
  }

  /** @param targetPort where connections lead, on loopback */
  static async open(targetPort: number, options: NetworkCardOptions): Promise<NetworkCard> {
    // Each direction ends by itself: what the other one still has to say must get through.
    const server = net.createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const card = new NetworkCard(server, (server.address() as AddressInfo).port, options);
    server.on('connection', (worker) => {
      card.#connect(worker, net.connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }));
    });
    return card;
  }

  /** Ends all connections without a word. */
  close(): void {
    this.#server.close();
    for (const lane of Object.values(this.#lanes)) lane.stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(worker: Socket, coordinator: Socket): void {
    const connection = this.#connections++;
    for (const socket of [worker, coordinator]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on('close', () => this.#sockets.delete(socket));
      // Whatever went wrong at one end, the other one learns of it by the end of its own connection.
      socket.on('error', () => {
        worker.destroy();
        coordinator.destroy();
      });
    }
    this.#pass(worker, coordinator, connection, 'in');
    this.#pass(coordinator, worker, connection, 'out');
  }

  #pass(from: Socket, to: Socket, connection: number, direction: Direction): void {
    const lane = this.#lanes[direction];
    let onItsWay = 0;
    from.on('data', (data: Buffer) => {
      this.bytes[direction] += data.length;
      this.#options.onData?.(connection, direction, data);
      onItsWay += data.length;
      if (onItsWay >= this.#windowBytes) from.pause();
      lane.send(data.length, () => {
        to.write(data, () => {
          onItsWay -= data.length;
          if (onItsWay < this.#windowBytes) from.resume();
        });
      });
    });
    from.on('end', () => lane.send(0, () => to.end()));
  }
}

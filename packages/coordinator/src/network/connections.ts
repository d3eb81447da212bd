import type { Server, Socket } from 'node:net';
import type { Refusal } from './access-control.ts';

/** Places in which those without a token yet can show one, whoever has the others: at most a quarter of all. */
const LOBBY = 16;

/** How many TCP connections there may be. */
export interface ConnectionLimits {
  /** Of any kind. */
  readonly total: number;
  /** From one address, of peers that have shown no token yet. */
  readonly strangersPerAddress: number;
  /** From one address, of peers with a token. */
  readonly knownPerAddress: number;
}

interface Connection {
  readonly socket: Socket;
  /** Tells it apart from the others that are open. */
  readonly ends: string;
  readonly address: string;
  isKnown: boolean;
}

/**
 * The TCP connections of a server, whatever they have become. Strangers, who have shown no token yet, go first where
 * room is needed, the oldest of the address that has the most of them before others; who has shown one is never cut.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #all = new Map<string, Connection>();
  /** By address, the oldest first. */
  readonly #strangers = new Map<string, Set<Connection>>();
  /** How many have shown a token, by address. */
  readonly #known = new Map<string, number>();

  constructor(server: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    server.on('connection', (socket: Socket) => this.#add(socket));
  }

  /** A peer has shown a token: it stays. @returns why it cannot, if it cannot: then it is a stranger still */
  admit(socket: Socket): Refusal | undefined {
    // With TLS, this is not the socket that was accepted; its ends are the same.
    const connection = this.#all.get(endsOf(socket));
    // It was cut in this moment, and hears nothing any more.
    if (!connection) return busy('the connection is closed');
    if (connection.isKnown) return undefined;
    const { total, knownPerAddress } = this.#limits;
    const { address } = connection;
    const here = this.#known.get(address) ?? 0;
    if (here >= knownPerAddress) return busy(`${here} connections from ${address} are open already`);
    const known = this.#knownCount;
    if (known >= total - Math.min(LOBBY, total >> 2)) return busy(`${known} connections are open already`);
    this.#forgetStranger(connection);
    connection.isKnown = true;
    this.#known.set(address, here + 1);
    return undefined;
  }

  destroyAll(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }

  get #knownCount(): number {
    return [...this.#known.values()].reduce((sum, count) => sum + count, 0);
  }

  #add(socket: Socket): void {
    const { remoteAddress: address } = socket;
    if (address === undefined) {
      // The peer is gone already.
      socket.destroy();
      return;
    }
    this.#makeRoom(address);
    if (this.#all.size >= this.#limits.total) {
      socket.destroy();
      return;
    }
    const connection = { socket, ends: endsOf(socket), address, isKnown: false };
    const strangers = this.#strangers.get(address) ?? new Set();
    this.#strangers.set(address, strangers.add(connection));
    this.#all.set(connection.ends, connection);
    socket.on('close', () => this.#remove(connection));
  }

  #makeRoom(address: string): void {
    const own = this.#strangers.get(address) ?? new Set();
    if (own.size >= this.#limits.strangersPerAddress) this.#cutOldest(own);
    else if (this.#all.size >= this.#limits.total) {
      const largest = [...this.#strangers.values()].reduce((most, each) => (each.size > most.size ? each : most), own);
      this.#cutOldest(largest);
    }
  }

  #cutOldest([oldest]: ReadonlySet<Connection>): void {
    if (!oldest) return;
    // Its descriptor is free when this returns; the event comes later.
    oldest.socket.destroy();
    this.#remove(oldest);
  }

  #remove(connection: Connection): void {
    // Another one may have come from the same port before this one's event.
    if (this.#all.get(connection.ends) !== connection) return;
    this.#all.delete(connection.ends);
    if (!connection.isKnown) return this.#forgetStranger(connection);
    const left = (this.#known.get(connection.address) ?? 0) - 1;
    if (left > 0) this.#known.set(connection.address, left);
    else this.#known.delete(connection.address);
  }

  #forgetStranger(connection: Connection): void {
    const strangers = this.#strangers.get(connection.address);
    strangers?.delete(connection);
    if (strangers?.size === 0) this.#strangers.delete(connection.address);
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function busy(why: string): Refusal {
  return { status: 503, code: 'E_PROTOCOL', message: `${why}: try again later` };
}

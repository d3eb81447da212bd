import { once } from 'node:events';
import { WebSocket } from 'ws';

const OPEN_LIMIT_MS = 10_000;

/** @param link to the dashboard, as a coordinator prints it */
export function partsOfLink(link: string): { readonly origin: string; readonly token: string } {
  const { origin, hash } = new URL(link);
  return { origin, token: hash.slice('#token='.length) };
}

/** Those who watch a run as the dashboard's page does: they take what they are told, and draw nothing. */
export class Viewers {
  readonly #sockets: readonly WebSocket[];
  #messages = 0;
  #bytes = 0;

  private constructor(sockets: readonly WebSocket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) {
      socket.on('message', (data: Buffer) => {
        this.#messages++;
        this.#bytes += data.length;
      });
    }
  }

  /** @param link to the dashboard, as a coordinator prints it: with a token to watch */
  static async open(link: string, count: number): Promise<Viewers> {
    const { origin, token } = partsOfLink(link);
    const url = `${origin.replace(/^http/, 'ws')}/watch`;
    const protocols = ['gantry', `gantry.token.${token}`];
    const sockets = Array.from({ length: count }, () => new WebSocket(url, protocols));
    const viewers = new Viewers(sockets);
    await Promise.all(sockets.map((socket) => once(socket, 'open', { signal: AbortSignal.timeout(OPEN_LIMIT_MS) })));
    return viewers;
  }

  get count(): number {
    return this.#sockets.length;
  }

  /** What all were told so far. */
  get told(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#messages, bytes: this.#bytes };
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }
}

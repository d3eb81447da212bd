import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sealFrame } from '@gantry/core';
import { WebSocket, WebSocketServer } from 'ws';

/** Results are longer; of what else a worker sends, nothing is. */
const RESULT_BYTES = 1024;
/** From the end of a frame: among the gradients. */
const CHANGED_AT = 400;

/** Between honest workers and their coordinator: what comes out of it is a worker that lies, with frames that are in order. */
export class LyingRelay {
  readonly url: string;
  readonly #server: WebSocketServer;
  #told = 0;

  private constructor(server: WebSocketServer, target: string, lies: () => boolean) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (worker, { headers: { authorization = '' } }) => {
      const coordinator = new WebSocket(`${target}/work`, { headers: { authorization }, perMessageDeflate: false });
      const opened = once(coordinator, 'open');
      worker.on('message', (frame: Buffer) => {
        if (frame.length > RESULT_BYTES && lies()) this.#change(frame);
        void opened.then(() => coordinator.send(frame)).catch(() => undefined);
      });
      coordinator.on('message', (frame: Buffer) => worker.send(frame));
      worker.on('close', () => coordinator.close());
      coordinator.on('close', () => worker.close());
      for (const each of [worker, coordinator]) each.on('error', () => undefined);
    });
  }

  /**
   * @param target the coordinator: ws://HOST:PORT
   * @param lies whether the next result is to be a lie
   */
  static async open(target: string, lies: () => boolean): Promise<LyingRelay> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    await once(server, 'listening');
    return new LyingRelay(server, target, lies);
  }

  /** How many lies went through. */
  get told(): number {
    return this.#told;
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  #change(frame: Buffer): void {
    const at = frame.length - CHANGED_AT;
    frame.writeFloatLE(frame.readFloatLE(at) + 1e-3, at);
    sealFrame(frame);
    this.#told++;
  }
}

import { on, once } from 'node:events';
import { withToken } from '@gantry/cli/bench';
import type { Control, ControlResult, WatchMessage } from '@gantry/core';
import { WebSocket } from 'ws';
import type { Gantry } from './gantry.ts';

/** What a browser with the dashboard's link can do. */
export class Dashboard {
  readonly #base: string;
  readonly #token: string;
  readonly #ca: string | undefined;

  /** @param ca certificate that is trusted, PEM; by default those that the system trusts */
  constructor(link: string, ca?: string) {
    const { origin, hash } = new URL(link);
    this.#base = origin;
    this.#token = hash.slice('#token='.length);
    this.#ca = ca;
  }

  /** By the link that a coordinator prints. */
  static async of(coordinator: Gantry): Promise<Dashboard> {
    const [, link = ''] = await coordinator.output(/dashboard: (.*)/);
    return new Dashboard(withToken(link));
  }

  get(path: string): Promise<Response> {
    return fetch(this.#base + path, { headers: this.#headers });
  }

  async control(control: Control): Promise<ControlResult> {
    const headers = { ...this.#headers, 'Content-Type': 'application/json' };
    const body = JSON.stringify(control);
    const answer = await fetch(`${this.#base}/api/control`, { method: 'POST', headers, body });
    return (await answer.json()) as ControlResult;
  }

  watch(): Watcher {
    const url = `${this.#base.replace(/^http/, 'ws')}/watch`;
    return new Watcher(new WebSocket(url, ['gantry', `gantry.token.${this.#token}`], { ca: this.#ca }));
  }

  get #headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.#token}` };
  }
}

/** One who watches, message by message. */
class Watcher {
  /** Resolves with the code. */
  readonly closed: Promise<number>;
  readonly #messages: AsyncIterator<[Buffer]>;

  constructor(socket: WebSocket) {
    this.#messages = on(socket, 'message', { close: ['close'] })[Symbol.asyncIterator]() as AsyncIterator<[Buffer]>;
    this.closed = once(socket, 'close').then(([code]) => code as number);
  }

  async next(): Promise<WatchMessage> {
    const { value, done } = await this.#messages.next();
    if (done) throw new Error('the coordinator closed the connection');
    return JSON.parse(value[0].toString()) as WatchMessage;
  }

  /** The first message that fits. */
  async until(fits: (message: WatchMessage) => boolean): Promise<WatchMessage> {
    for (;;) {
      const message = await this.next();
      if (fits(message)) return message;
    }
  }
}

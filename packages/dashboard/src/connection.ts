import type { WatchMessage } from '@gantry/core';
import type { Api } from './api.ts';
import type { Store } from './store.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** Keeps the store up to date through a WebSocket, for ever. @returns ends it */
export function watchRun(token: string, api: Api, store: Store): () => void {
  const ended = new AbortController();
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;

  function connect(): void {
    const url = new URL('/watch', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    socket = new WebSocket(url, ['gantry', `gantry.token.${token}`]);
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      attempt = 0;
      store.receive(JSON.parse(data) as WatchMessage);
      if (store.get().link.state !== 'open') store.setLink({ state: 'open' });
    });
    socket.addEventListener('close', () => void retry());
  }

  async function retry(): Promise<void> {
    if (ended.signal.aborted) return;
    attempt++;
    // A browser does not tell a page why a WebSocket was refused; a request does.
    const accepted = attempt === 1 ? await api.isAccepted() : undefined;
    if (ended.signal.aborted) return;
    if (accepted === false) {
      store.setLink({ state: 'refused' });
      return;
    }
    store.setLink({ state: 'lost', attempt });
    const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
    timer = setTimeout(connect, longest * (0.5 + Math.random() / 2));
  }

  store.setLink({ state: 'connecting' });
  connect();
  return () => {
    ended.abort();
    clearTimeout(timer);
    socket?.close();
  };
}

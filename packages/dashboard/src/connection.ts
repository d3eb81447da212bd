import type { WatchMessage } from '@gantry/core';
import type { Api } from './api.ts';
import type { Store } from './store.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** The coordinator says something every second: after such a silence, the connection is dead, whatever the network says. */
const SILENT_MS = 10_000;

/** Keeps the store up to date through a WebSocket, for ever. @returns ends it */
export function watchRun(token: string, api: Api, store: Store): () => void {
  const ended = new AbortController();
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;

  function connect(): void {
    clearTimeout(timer);
    const url = new URL('/watch', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const made = new WebSocket(url, ['gantry', `gantry.token.${token}`]);
    socket = made;
    const giveUp = () => {
      // A close handshake with a peer that is gone would take minutes.
      if (socket === made) void retry();
      made.close();
    };
    let silence = setTimeout(giveUp, SILENT_MS);
    made.addEventListener('message', ({ data }: MessageEvent<string>) => {
      if (socket !== made) return;
      clearTimeout(silence);
      silence = setTimeout(giveUp, SILENT_MS);
      attempt = 0;
      store.receive(JSON.parse(data) as WatchMessage);
      if (store.get().link.state !== 'open') store.setLink({ state: 'open' });
    });
    made.addEventListener('close', () => {
      clearTimeout(silence);
      if (socket === made) void retry();
    });
  }

  async function retry(): Promise<void> {
    socket = undefined;
    attempt++;
    if (ended.signal.aborted) return;
    store.setLink({ state: 'lost' });
    // A browser does not tell a page why a WebSocket was refused; a request does.
    const accepted = await api.isAccepted();
    // Somebody may have been in a hurry meanwhile.
    if (ended.signal.aborted || socket) return;
    if (accepted === false) {
      store.setLink({ state: 'refused' });
      return;
    }
    const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
    timer = setTimeout(connect, longest * (0.5 + Math.random() / 2));
  }

  /** Somebody looks again, or the network is back: no reason to wait. */
  function hurry(): void {
    const isWaiting = socket === undefined && store.get().link.state === 'lost';
    if (isWaiting && document.visibilityState === 'visible') connect();
  }

  document.addEventListener('visibilitychange', hurry, { signal: ended.signal });
  window.addEventListener('online', hurry, { signal: ended.signal });
  store.setLink({ state: 'connecting' });
  connect();
  return () => {
    ended.abort();
    clearTimeout(timer);
    socket?.close();
  };
}

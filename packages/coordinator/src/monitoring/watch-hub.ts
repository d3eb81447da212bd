import type { WebSocket } from 'ws';
import { Heartbeat } from '../network/heartbeat.ts';
import type { RunWatch, Seen } from './run-watch.ts';

/** Between updates; at most four a second. */
const UPDATE_MS = 250;
/** Where nothing new happened, one update in so many is sent, for the times in it. */
const QUIET_UPDATES = 4;
/** A viewer that has more than this before it unread gets no updates, but a snapshot once it has read all. */
const MAX_UNREAD_BYTES = 2 << 20;
/** Updates between pings, and how long a viewer may be silent. */
const PING_EVERY = 40;
const SILENT_MS = 60_000;
const MAX_VIEWERS = 100;
const CLOSE_NORMAL = 1000;
const CLOSE_POLICY = 1008;
const CLOSE_TRY_AGAIN = 1013;

interface Viewer {
  readonly socket: WebSocket;
  readonly heartbeat: Heartbeat;
  /** Up to where it was told; undefined where it needs a snapshot. */
  seen: Seen | undefined;
}

interface Message {
  readonly bytes: Buffer;
  /** Up to where it tells. */
  readonly seen: Seen;
}

/**
 * Tells everyone who watches a run how it goes: a snapshot, then updates. A viewer that is too slow loses updates and
 * costs nothing until it has caught up; nobody waits for it. Without viewers, nothing is done.
 */
export class WatchHub {
  readonly #watch: RunWatch;
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | undefined;
  /** For all who come before the next update: after a restart, everyone comes at once. */
  #snapshot: Message | undefined;
  #rounds = 0;

  constructor(watch: RunWatch) {
    this.#watch = watch;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** Takes over the WebSocket of one who may watch. */
  add(socket: WebSocket): void {
    if (this.#viewers.size >= MAX_VIEWERS) {
      socket.close(CLOSE_TRY_AGAIN, `${MAX_VIEWERS} are watching already`);
      return;
    }
    const viewer: Viewer = { socket, heartbeat: new Heartbeat(socket), seen: undefined };
    this.#viewers.add(viewer);
    socket.on('message', () => socket.close(CLOSE_POLICY, 'nothing is taken here: use POST /api/control'));
    socket.on('close', () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#rest();
    });
    this.#timer ??= setInterval(() => this.#round(), UPDATE_MS);
    this.#send([viewer]);
  }

  /** Tells all how it stands, and closes. */
  close(): void {
    this.#rest();
    this.#send(this.#viewers);
    for (const { socket } of this.#viewers) socket.close(CLOSE_NORMAL, 'the coordinator ends');
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#snapshot = undefined;
  }

  #round(): void {
    this.#rounds++;
    this.#snapshot = undefined;
    if (this.#rounds % PING_EVERY === 0) this.#checkPulses();
    const now = this.#watch.seen;
    const knowsAll = (seen: Seen) => (Object.keys(now) as (keyof Seen)[]).every((key) => seen[key] === now[key]);
    const isDue = this.#rounds % QUIET_UPDATES === 0;
    this.#send([...this.#viewers].filter(({ seen }) => isDue || !seen || !knowsAll(seen)));
  }

  /** Sends to each what it has not seen. Those who saw the same, nearly all, share one message. */
  #send(viewers: Iterable<Viewer>): void {
    const updates = new Map<string, Message>();
    for (const viewer of viewers) {
      const { socket } = viewer;
      // Nobody can go on from what is no longer so.
      const seen = viewer.seen?.rewinds === this.#watch.seen.rewinds ? viewer.seen : undefined;
      if (socket.bufferedAmount > (seen ? MAX_UNREAD_BYTES : 0)) {
        viewer.seen = undefined;
        continue;
      }
      const key = seen ? Object.values(seen).join() : '';
      const message = seen
        ? (updates.get(key) ?? newMessage(this.#watch, this.#watch.update(seen)))
        : (this.#snapshot ??= newMessage(this.#watch, this.#watch.snapshot()));
      if (seen) updates.set(key, message);
      socket.send(message.bytes, { binary: false });
      viewer.seen = message.seen;
    }
  }

  #checkPulses(): void {
    for (const { socket, heartbeat } of this.#viewers) {
      if (heartbeat.silentMs > SILENT_MS) socket.terminate();
      else heartbeat.ping();
    }
  }
}

/** @param content made at this moment */
function newMessage(watch: RunWatch, content: object): Message {
  return { bytes: Buffer.from(JSON.stringify(content)), seen: watch.seen };
}

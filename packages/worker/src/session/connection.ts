/** The network or the server at the other end failed; trying again may help. */
export class ConnectionError extends Error {}

export interface ConnectionEvents {
  opened(): void;
  frame(frame: Uint8Array): void;
  /** Exactly once. @param cause ConnectionError, or GantryError E_AUTH or E_PROTOCOL */
  closed(cause: Error): void;
}

/** A WebSocket to a coordinator. */
export interface Connection {
  /**
   * Ends the connection when nothing at all arrives for so long. Absent in browsers, which do not tell of the pings that break
   * the silence: there, a connection that is dead ends when the system says so.
   */
  limitSilence?(limitMs: number): void;

  /**
   * Sends a sign of life at intervals, until the end. Answers to pings are not enough: on a slow network the pings
   * themselves wait behind the weights. Absent in browsers, which offer no way to send more.
   */
  showLife?(intervalMs: number): void;

  /** @param sent called when the frame has left or the connection is lost */
  send(frame: Uint8Array, sent?: () => void): void;

  /** Closes; frames that were sent before still leave. Resolves within a second, and `closed` is not called any more. */
  close(): Promise<void>;
}

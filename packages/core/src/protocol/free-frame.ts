/** A port whose other end is closed: what is posted to it is dropped at once, and so is memory that goes with it. */
function portToNowhere(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}

let nowhere: MessagePort | undefined;

/**
 * Frees the memory of a received frame now. Left to the garbage collector, 10 MB with every step make V8 look through its
 * whole heap once a step, for they count as pressure from outside of it.
 * @param frame nobody uses it any more; one that shares its memory with others is left alone
 */
export function freeFrame({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || byteLength === 0 || byteLength < buffer.byteLength) return;
  nowhere ??= portToNowhere();
  nowhere.postMessage(undefined, [buffer]);
}

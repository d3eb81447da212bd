import { setFlagsFromString } from 'node:v8';

/** The largest size that glibc adapts to: 32 MiB less what it needs itself. */
const LARGEST_ADAPTIVE_BYTES = 31 * 2 ** 20;

/**
 * Has glibc's malloc keep the memory of messages, 10 MB each, instead of returning it to the system after every one: the first
 * large block that is freed raises the size up to which blocks are kept (mallopt(3), M_MMAP_THRESHOLD). Fresh pages cost
 * more than what is done with them. Without effect elsewhere; nothing is touched, so that nothing is used up.
 */
export function keepFreedMemory(): void {
  // Dropped at once: the garbage collector frees it.
  void new ArrayBuffer(LARGEST_ADAPTIVE_BYTES);
}

/**
 * Lets V8's heaps grow to five times what they hold before they are searched for garbage. They are small, and what goes through
 * beside them, 10 MB each way with every step, counts as pressure: without this they are searched about once a step.
 */
export function collectSeldom(): void {
  setFlagsFromString('--heap-growing-percent=400');
}

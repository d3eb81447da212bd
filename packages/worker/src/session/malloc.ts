/**
 * Has glibc's malloc keep what is freed, all of it in one place, if it is in the environment when a process starts
 * (mallopt(3)). Without effect elsewhere.
 */
export const KEEPING_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '1000000000000',
} as const;

/** Whether this process was started so. ONNX Runtime exists for glibc only, where on Linux. */
export const mallocKeeps = (): boolean =>
  process.platform === 'linux' && Object.entries(KEEPING_MALLOC).every(([name, value]) => process.env[name] === value);

import { readFileSync } from 'node:fs';

/** What a process has used so far, in milliseconds. */
export interface CpuTimes {
  /** By all its threads. */
  readonly process: number;
  /** By its main thread, the event loop. */
  readonly main: number;
  /** In which the main thread could have gone on, had a core been free. */
  readonly stolen: number;
}

const MS_PER_TICK = 10;

/** Linux only: from /proc. @throws Error if the process is gone */
export function cpuTimes(pid: number): CpuTimes {
  // The name of the program, in parentheses, may contain anything.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const [user = NaN, system = NaN] = stat.slice(11, 13);
  const [running = NaN, waiting = NaN] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')
    .split(' ')
    .map(Number);
  return { process: (user + system) * MS_PER_TICK, main: running / 1e6, stolen: waiting / 1e6 };
}

export function elapsed(from: CpuTimes, to: CpuTimes): CpuTimes {
  return { process: to.process - from.process, main: to.main - from.main, stolen: to.stolen - from.stolen };
}

import { readFileSync } from 'node:fs';
import { systemErrorCode } from './durable-files.ts';

/**
 * Whether a process of this machine lives.
 * @param start when it started, so that a later process that got the same pid is not taken for it; in clock ticks
 */
export function isAlive(pid: number, start: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM tells that the process exists and is another user's.
    if (systemErrorCode(error) === 'ESRCH') return false;
  }
  // Where starts cannot be told, a live process of that pid has to be taken for the one that locked.
  return [start, undefined].includes(startOf(pid));
}

/** When a process started, in clock ticks since the machine's; −1 once it is dead, undefined where it cannot be told. */
function startOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // proc(5): the name, field 2, stands in parentheses and may hold anything; field 3 is the state, field 22 the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  return isDead ? -1 : Number(fields[19]);
}

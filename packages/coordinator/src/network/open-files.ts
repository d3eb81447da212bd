import { readFileSync, readdirSync } from 'node:fs';

/** Where the system does not say: what macOS grants by default, the least of all. */
const ASSUMED_LIMIT = 256;
const ASSUMED_OPEN = 32;
/** Checkpoints, records, readers of the history and pipes of own workers need files, too. */
const RESERVE_AT_LEAST = 64;
const RESERVE_SHARE = 1 / 4;
/** However few files are allowed, this many connections are tried. */
const CONNECTIONS_AT_LEAST = 8;

/** Descriptors of this process: files, sockets and pipes. */
export interface OpenFiles {
  /** How many it may have; above, the system refuses with EMFILE. */
  readonly limit: number;
  /** How many it has. */
  readonly open: number;
  /** The system does not say; it may well allow more. */
  readonly isAssumed?: boolean;
}

/** What the system says of this process, where it does (Linux); Node has raised the soft limit to the hard one. */
export function openFiles(): OpenFiles {
  try {
    const { limit = '' } =
      /^Max open files +(?<limit>\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.groups ?? {};
    const open = readdirSync('/proc/self/fd').length;
    return { limit: limit === 'unlimited' ? Infinity : Number(limit) || ASSUMED_LIMIT, open };
  } catch {
    return { limit: ASSUMED_LIMIT, open: ASSUMED_OPEN, isAssumed: true };
  }
}

/** How many connections leave the run the files that it needs itself. */
export function connectionsBeside({ limit, open }: OpenFiles): number {
  const reserve = Math.max(RESERVE_AT_LEAST, limit * RESERVE_SHARE);
  return limit === Infinity ? Infinity : Math.max(CONNECTIONS_AT_LEAST, Math.floor(limit - open - reserve));
}

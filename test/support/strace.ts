import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const straceExists = (): boolean => spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

/** A command line's beginning that starts the rest of it and notes whom it and all its children talk to. */
export const traceConnections = (file: string): string[] => {
  const calls = 'connect,sendto,sendmsg,sendmmsg';
  return ['strace', '--follow-forks', '--seccomp-bpf', '-e', `trace=${calls}`, '-e', 'signal=none', '-o', file];
};

/** The noted calls that name a peer outside this machine. */
export function foreignCalls(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((call) => /AF_INET6?|sin6?_port/.test(call))
    .filter((call) => !/inet_addr\("127\.|"::1"|htons\(0\)/.test(call));
}

/** A command line's beginning that kills the rest of it at its first system call of a kind for a file. */
export const killAtCall = (call: string, file: string): string[] => {
  const inject = `inject=${call}:signal=SIGKILL`;
  return ['strace', '--follow-forks', '-e', `trace=${call}`, '-P', file, '-e', inject, '-o', '/dev/null'];
};

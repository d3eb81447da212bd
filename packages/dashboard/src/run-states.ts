import type { RunState } from '@gantry/core';

export const STATES: Readonly<Record<RunState, string>> = {
  waiting: 'waiting for workers',
  training: 'training',
  paused: 'paused',
  stopping: 'stopping',
  stopped: 'stopped',
  finished: 'finished',
  failed: 'failed',
};

/** Nothing more will come of it. */
export function hasEnded(state: RunState): boolean {
  return state === 'finished' || state === 'stopped' || state === 'failed';
}

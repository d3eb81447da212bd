import type { TabDevice, TabReport } from './messages.ts';

/** What is known of the work of a tab. */
export interface TabState {
  readonly phase: 'starting' | 'working' | 'waiting' | 'over' | 'failed';
  readonly device: TabDevice | undefined;
  readonly run: string | undefined;
  /** Why it waits, has ended or failed. */
  readonly reason: string | undefined;
  /** Whether the token was refused. */
  readonly refused: boolean;
  readonly shards: number;
  readonly images: number;
  readonly imagesPerSecond: number | undefined;
  /** That the last shard was of, counted from 1. */
  readonly step: number | undefined;
}

export const STARTING: TabState = {
  phase: 'starting',
  device: undefined,
  run: undefined,
  reason: undefined,
  refused: false,
  shards: 0,
  images: 0,
  imagesPerSecond: undefined,
  step: undefined,
};

/** What a report makes of what was known. */
export function reported(state: TabState, report: TabReport): TabState {
  switch (report.type) {
    case 'device':
      return { ...state, device: report.device };
    case 'connected':
      return { ...state, phase: 'working', run: report.run, reason: undefined };
    case 'waiting':
      return { ...state, phase: 'waiting', reason: report.reason, imagesPerSecond: undefined };
    case 'notice':
      return { ...state, reason: report.text };
    case 'shardDone': {
      const { samples, shards, imagesPerSecond, step } = report.shard;
      return { ...state, shards, images: state.images + samples, imagesPerSecond, step: step + 1 };
    }
    case 'ended':
      if (!report.error) return { ...state, phase: 'over', imagesPerSecond: undefined };
      return {
        ...state,
        phase: 'failed',
        reason: report.error.message,
        refused: report.error.code === 'E_AUTH',
        imagesPerSecond: undefined,
      };
  }
}

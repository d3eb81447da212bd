import type { WatchedEvent } from '@gantry/core';
import { CLASS_DIGITS } from './classes.ts';

export const KINDS = ['workers', 'faults', 'work', 'run'] as const;
export type EventKind = (typeof KINDS)[number];

const KIND_OF_TYPE: Readonly<Record<string, EventKind>> = {
  joined: 'workers',
  left: 'workers',
  'workers-idle': 'workers',
  invalid: 'faults',
  quarantined: 'faults',
  stall: 'faults',
  'bits-differ': 'faults',
  'classes-mixed': 'faults',
  diverged: 'faults',
  requeued: 'work',
  duplicated: 'work',
  stolen: 'work',
  compared: 'work',
};

export function kindOf({ type }: WatchedEvent): EventKind {
  return KIND_OF_TYPE[type] ?? 'run';
}

/** An event in words; of types that are not known here, all details are told. */
export function describeEvent(event: WatchedEvent): string {
  const get = (name: string) => textOf(event[name]);
  const cause = 'cause' in event ? `: ${get('cause')}` : '';
  switch (event.type) {
    case 'started':
      return 'the run started';
    case 'resumed':
      return `the run was resumed after step ${event.step}${get('skipped') && `; skipped: ${get('skipped')}`}`;
    case 'joined':
      return `${get('worker')} joined: ${get('engine')} on ${get('device')} (class ${get('class').slice(0, CLASS_DIGITS)})`;
    case 'left':
    case 'quarantined':
      return `${get('worker')} ${event.type === 'left' ? 'left' : 'was quarantined'}${cause}`;
    case 'invalid':
      return `an invalid result of ${get('worker')} [${get('code')}]${cause}`;
    case 'requeued':
      return `shard ${get('shard')} goes from ${get('worker')} to another worker${cause}`;
    case 'duplicated':
      return `shard ${get('shard')} of ${get('from')} is computed by ${get('worker')}, too${cause}`;
    case 'stolen':
      return `${get('worker')} takes shard ${get('shard')} over from ${get('from')}`;
    case 'compared':
      return `two answers to shard ${get('shard')} (${get('workers')}) ${event['equal'] === true ? 'have the same bits' : 'differ'}`;
    case 'stall':
      return `stalled${get('worker') && ` on ${get('worker')}`}${get('shard') && `, shard ${get('shard')}`}${cause}; ${get('remedy')}`;
    case 'epoch':
      return `epoch ${get('epoch')} is done, in ${Number(event['seconds']).toFixed(1)} s`;
    case 'checkpoint':
      return 'a checkpoint was written';
    case 'finished':
      return 'the run is finished';
    case 'bits-differ':
    case 'classes-mixed':
    case 'workers-idle':
      return get('cause');
    case 'diverged':
    case 'stopped':
    case 'paused':
    case 'continued':
      return `the run ${event.type}${cause}`;
    default: {
      const details = Object.keys(event).filter((key) => !['time', 'step', 'type'].includes(key));
      return [event.type, ...details.map((key) => `${key} ${get(key)}`)].join(', ');
    }
  }
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(' and ');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

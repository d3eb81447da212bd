/** Events in words, for the terminal and the dashboard alike. */
import { isEventType, knownEvent, type RecordedEvent } from './recorded-event.ts';
import type { EventLine, EventType } from './run-event.ts';

export const EVENT_KINDS = ['workers', 'faults', 'work', 'run'] as const;
/** What an event is about. */
export type EventKind = (typeof EVENT_KINDS)[number];

const KINDS: Readonly<Record<EventType, EventKind>> = {
  started: 'run',
  resumed: 'run',
  joined: 'workers',
  left: 'workers',
  invalid: 'faults',
  damaged: 'faults',
  quarantined: 'faults',
  requeued: 'work',
  duplicated: 'work',
  stolen: 'work',
  compared: 'work',
  'bits-differ': 'faults',
  overruled: 'faults',
  lied: 'faults',
  tainted: 'faults',
  'rolled-back': 'faults',
  'classes-mixed': 'faults',
  'workers-idle': 'workers',
  advice: 'workers',
  waiting: 'workers',
  stall: 'faults',
  epoch: 'run',
  checkpoint: 'run',
  paused: 'run',
  continued: 'run',
  unevaluated: 'run',
  'discriminator-won': 'run',
  'modes-lost': 'run',
  diverged: 'faults',
  stopped: 'run',
  finished: 'run',
};

/** Which events deserve a line on the terminal: steps, epochs and the end of a run have lines of their own there. */
const ON_TERMINAL: Readonly<Record<EventType, 'line' | 'warning' | undefined>> = {
  started: undefined,
  resumed: undefined,
  joined: 'line',
  left: 'line',
  invalid: 'line',
  damaged: 'line',
  quarantined: 'line',
  requeued: undefined,
  duplicated: undefined,
  stolen: undefined,
  compared: undefined,
  'bits-differ': 'warning',
  overruled: 'warning',
  lied: 'warning',
  tainted: 'warning',
  'rolled-back': 'warning',
  'classes-mixed': 'warning',
  'workers-idle': 'warning',
  advice: 'line',
  waiting: 'line',
  stall: 'line',
  epoch: undefined,
  checkpoint: undefined,
  paused: undefined,
  continued: undefined,
  unevaluated: 'warning',
  'discriminator-won': 'warning',
  'modes-lost': 'warning',
  diverged: undefined,
  stopped: undefined,
  finished: undefined,
};

/** What an event is about; one of an unknown type, about the run. */
export function kindOf({ type }: Pick<RecordedEvent, 'type'>): EventKind {
  return isEventType(type) ? KINDS[type] : 'run';
}

/** Whether events of a type deserve a line on the terminal. */
export function isOnTerminal(type: EventType): boolean {
  return ON_TERMINAL[type] !== undefined;
}

/** The line about an event on the terminal, if it deserves one. */
export function terminalLine(event: EventLine): string | undefined {
  const role = ON_TERMINAL[event.type];
  if (!role) return undefined;
  return role === 'warning' ? `warning: ${wordsOf(event)}` : wordsOf(event);
}

/** An event in words. Of one that this version does not know, all details are told. */
export function describeEvent(event: RecordedEvent): string {
  const known = knownEvent(event);
  if (known) return wordsOf(known);
  const { time: _time, step: _step, type, ...details } = event;
  return [type, ...Object.entries(details).map(([name, value]) => `${name} ${textOf(value)}`)].join(', ');
}

function wordsOf(event: EventLine): string {
  switch (event.type) {
    case 'started':
      return 'the run started';
    case 'resumed': {
      const skipped = event.skipped.length > 0 ? `; skipped: ${event.skipped.join(' and ')}` : '';
      return `the run was resumed after step ${event.step}${skipped}`;
    }
    case 'joined':
      return `${event.worker} joined: ${event.engine} on ${event.device} (class ${event.class})`;
    case 'left':
      return `${event.worker} left: ${event.cause}`;
    case 'invalid':
      return `an invalid result of ${event.worker} [${event.code}]: ${event.cause}`;
    case 'damaged':
      return `damage on the way to or from ${event.worker}: ${event.cause}`;
    case 'quarantined':
      return `${event.worker} was quarantined: ${event.cause}`;
    case 'requeued':
      return `shard ${event.shard} goes from ${event.worker} to another worker: ${event.cause}`;
    case 'duplicated':
      return `shard ${event.shard} of ${event.from} is computed by ${event.worker}, too: ${event.cause}`;
    case 'stolen':
      return `${event.worker} takes shard ${event.shard} over from ${event.from}`;
    case 'compared': {
      const outcome = event.equal ? 'have the same bits' : 'differ';
      return `two answers to shard ${event.shard} (${event.workers.join(' and ')}) ${outcome}`;
    }
    case 'overruled':
      return `the coordinator computed shard ${event.shard} itself: ${event.cause}`;
    case 'lied':
      return `${event.worker} lied, and may have from step ${event.first} to ${event.last}: ${event.cause}`;
    case 'tainted':
      return `the steps ${event.first} to ${event.last} are in doubt: ${event.worker} may have had a hand in them`;
    case 'rolled-back':
      return `the run went back ${event.lost} steps, to step ${event.step}: ${event.worker} lied, ${event.cause}`;
    case 'bits-differ':
    case 'classes-mixed':
    case 'workers-idle':
    case 'advice':
      return event.cause;
    case 'waiting': {
      const remedy = event.remedy === undefined ? '' : `; ${event.remedy}`;
      return `waiting: ${event.cause}${remedy}`;
    }
    case 'stall': {
      const worker = event.worker === undefined ? '' : ` on ${event.worker}`;
      const shard = event.shard === undefined ? '' : `, shard ${event.shard}`;
      return `stalled${worker}${shard}: ${event.cause}; ${event.remedy}`;
    }
    case 'epoch':
      return `epoch ${event.epoch} is done, in ${event.seconds.toFixed(1)} s`;
    case 'checkpoint':
      return 'a checkpoint was written';
    case 'paused':
    case 'continued':
    case 'diverged':
      return `the run ${event.type}: ${event.cause}`;
    case 'unevaluated':
      return `epoch ${event.epoch} could not be evaluated: ${event.cause}`;
    case 'discriminator-won':
    case 'modes-lost':
      return `${event.cause}; ${event.remedy}`;
    case 'stopped':
      return 'the run stopped';
    case 'finished':
      return 'the run is finished';
  }
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(' and ') || 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

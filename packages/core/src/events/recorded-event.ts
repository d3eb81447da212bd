/** Events as they are read from a file or a message: another version may have written them. */
import type { EventLine, EventOf, EventType } from './run-event.ts';

/** A line of events.jsonl of any version: of any type, with any fields. */
export interface RecordedEvent {
  /** ISO 8601, UTC; '' where the line has none. */
  readonly time: string;
  /** Steps done when it happened. */
  readonly step: number;
  readonly type: string;
  readonly [detail: string]: unknown;
}

type Check<T> = (value: unknown) => value is T;

/** A check for each field of an event. */
type ChecksOf<E> = { readonly [K in keyof E as Exclude<K, 'type'>]-?: Check<E[K] | undefined> };

const isText: Check<string> = (value) => typeof value === 'string';
const isNumber: Check<number> = (value) => typeof value === 'number';
const isTruth: Check<boolean> = (value) => typeof value === 'boolean';
const areTexts: Check<readonly string[]> = (value): value is readonly string[] =>
  Array.isArray(value) && value.every(isText);

function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || check(value);
}

const FIELDS: { readonly [T in EventType]: ChecksOf<EventOf<T>> } = {
  started: {},
  resumed: { skipped: areTexts },
  joined: { worker: isText, engine: isText, device: isText, class: isText, slots: isNumber },
  left: { worker: isText, cause: isText },
  invalid: { worker: isText, code: isText, cause: isText },
  damaged: { worker: isText, cause: isText },
  quarantined: { worker: isText, cause: isText },
  requeued: { shard: isNumber, of: isNumber, worker: isText, cause: isText },
  duplicated: { shard: isNumber, from: isText, worker: isText, cause: isText },
  stolen: { shard: isNumber, from: isText, worker: isText },
  compared: { shard: isNumber, workers: areTexts, equal: isTruth },
  'bits-differ': { shard: isNumber, workers: areTexts, cause: isText },
  overruled: { shard: isNumber, workers: areTexts, cause: isText },
  lied: { worker: isText, shard: isNumber, first: isNumber, last: isNumber, cause: isText },
  tainted: { worker: isText, first: isNumber, last: isNumber },
  'rolled-back': { worker: isText, first: isNumber, last: isNumber, lost: isNumber, cause: isText },
  'classes-mixed': { classes: areTexts, cause: isText },
  'workers-idle': { cause: isText },
  advice: { cause: isText },
  waiting: { cause: isText, remedy: optional(isText) },
  stall: { shard: optional(isNumber), worker: optional(isText), cause: isText, remedy: isText },
  epoch: { epoch: isNumber, seconds: isNumber },
  checkpoint: {},
  paused: { cause: isText },
  continued: { cause: isText },
  unevaluated: { epoch: isNumber, cause: isText },
  'discriminator-won': { cause: isText, remedy: isText },
  'modes-lost': { cause: isText, remedy: isText },
  diverged: { cause: isText },
  stopped: {},
  finished: {},
};

/** All types that this version writes. */
export const EVENT_TYPES = Object.keys(FIELDS) as readonly EventType[];

/** Names of the fields of a type, besides time, step and type. */
export function fieldsOf(type: EventType): string[] {
  return Object.keys(FIELDS[type]);
}

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(FIELDS, type);
}

/** Makes an event of a line that is JSON and has a step; what else an event needs, it may lack. */
export function recordedEvent(line: { readonly step: number; readonly [field: string]: unknown }): RecordedEvent {
  const { time, type } = line;
  return { ...line, time: isText(time) ? time : '', type: isText(type) ? type : 'unknown' };
}

/** The event, if this version knows its type and all fields of that are there; others may be there, too. */
export function knownEvent(event: RecordedEvent): EventLine | undefined {
  if (!isEventType(event.type)) return undefined;
  const checks: Readonly<Record<string, Check<unknown>>> = FIELDS[event.type];
  const fits = Object.entries(checks).every(([field, check]) => check(event[field]));
  return fits ? (event as unknown as EventLine) : undefined;
}

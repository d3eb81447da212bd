/** What a page needs that shows a run: small, and without anything that computes. */
export { downsampled } from './downsample.ts';
export { EVENT_KINDS, describeEvent, kindOf, type EventKind } from './events/event-words.ts';
export { knownEvent, type RecordedEvent } from './events/recorded-event.ts';

import { knownEvent, type RecordedEvent } from '@gantry/core/watching';

export interface Advice {
  /** The last step that was done when it was given. */
  readonly step: number;
  readonly text: string;
}

/** What was advised last, as far as events are kept. */
export function newestAdvice(events: readonly RecordedEvent[]): Advice | undefined {
  const newest = events.findLast(({ type }) => type === 'advice');
  const known = newest && knownEvent(newest);
  return known?.type === 'advice' ? { step: known.step, text: known.cause } : undefined;
}

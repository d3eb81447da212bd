import type { WatchedEvent } from '@gantry/core';
import { memo, useState } from 'react';
import { describeEvent, kindOf, KINDS, type EventKind } from '../event-words.ts';
import { timeOfDay } from '../format.ts';
import { Panel } from './panel.tsx';

/** What happened, newest first. */
export const Events = memo(function Events({ events }: { events: readonly WatchedEvent[] }) {
  const [kind, setKind] = useState<EventKind | 'all'>('all');
  const [text, setText] = useState('');
  const shown = events
    .map((event, i) => ({ event, key: i, words: describeEvent(event) }))
    .filter(({ event, words }) => (kind === 'all' || kindOf(event) === kind) && matches(words, text))
    .toReversed();
  return (
    <Panel
      title="Events"
      area="events"
      aside={
        <div className="row">
          <select
            aria-label="Kind of event"
            value={kind}
            onChange={(e) => setKind(e.target.value as EventKind | 'all')}
          >
            <option value="all">all</option>
            {KINDS.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
          <input
            type="search"
            aria-label="Filter events"
            placeholder="filter"
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
        </div>
      }
    >
      <ol className="event-list" tabIndex={0} aria-label="Events, newest first">
        {shown.map(({ event, key, words }) => (
          <li key={`${event.time} ${key}`} className={kindOf(event)}>
            <time dateTime={event.time}>{timeOfDay(event.time)}</time>
            <span className="step">step {event.step}</span>
            <span>{words}</span>
          </li>
        ))}
        {shown.length === 0 && <li className="hint">nothing</li>}
      </ol>
    </Panel>
  );
});

function matches(words: string, text: string): boolean {
  return words.toLowerCase().includes(text.trim().toLowerCase());
}
